// Collects the measurements of one VU until its thread reports them to the main thread.

import type { CheckCount, Declared, MetricType, Report, Sample } from './messages.ts';

const declared = new Map<string, Declared>();
let fresh: Declared[] = [];
let samples: Sample[] = [];
const checks = new Map<string, CheckCount>();

export function declare(name: string, type: MetricType, isTime = false): void {
  const known = declared.get(name);
  if (known && known.type !== type) throw new Error(`metric ${name} is a ${known.type} already`);
  if (known) return;
  const metric = { name, type, isTime };
  declared.set(name, metric);
  fresh.push(metric);
}

export function add(metric: string, value: number, tags: Record<string, string> = {}): void {
  if (!Number.isFinite(value)) throw new Error(`metric ${metric}: ${value} is not a number`);
  samples.push({ metric, value, tags });
}

export function count(name: string, holds: boolean): void {
  const counted = checks.get(name) ?? { name, passes: 0, fails: 0 };
  if (holds) counted.passes += 1;
  else counted.fails += 1;
  checks.set(name, counted);
}

/** Takes everything that was collected since the last call. */
export function take(): Report {
  const report = { declared: fresh, samples, checks: [...checks.values()] };
  fresh = [];
  samples = [];
  checks.clear();
  return report;
}
