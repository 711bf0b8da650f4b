// k6/metrics

import type { MetricType } from '../messages.ts';
import { add, declare } from '../registry.ts';

abstract class Metric {
  readonly name: string;

  constructor(type: MetricType, name: string, isTime: boolean) {
    declare(name, type, isTime);
    this.name = name;
  }

  add(value: number | boolean, tags: Record<string, string> = {}): void {
    add(this.name, Number(value), tags);
  }
}

export class Counter extends Metric {
  constructor(name: string, isTime = false) {
    super('counter', name, isTime);
  }
}

export class Gauge extends Metric {
  constructor(name: string, isTime = false) {
    super('gauge', name, isTime);
  }
}

export class Rate extends Metric {
  constructor(name: string, isTime = false) {
    super('rate', name, isTime);
  }
}

export class Trend extends Metric {
  constructor(name: string, isTime = false) {
    super('trend', name, isTime);
  }
}
