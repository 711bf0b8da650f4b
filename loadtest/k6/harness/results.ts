// All measurements of a run: what the thresholds are judged by, and what `handleSummary` is given.

import type { CheckCount, Declared, MetricType, Report, Sample } from './messages.ts';

interface Series {
  type: MetricType;
  isTime: boolean;
  samples: Sample[];
}

export interface Judged {
  type: MetricType;
  contains: string;
  values: Record<string, number>;
  thresholds?: Record<string, { ok: boolean }>;
}

/** The metrics that k6 has by itself, as far as the scenarios use them. */
const BUILT_IN: Declared[] = [
  { name: 'checks', type: 'rate', isTime: false },
  { name: 'http_reqs', type: 'counter', isTime: false },
  { name: 'http_req_duration', type: 'trend', isTime: true },
  { name: 'http_req_failed', type: 'rate', isTime: false },
  { name: 'grpc_req_duration', type: 'trend', isTime: true },
  { name: 'ws_sessions', type: 'counter', isTime: false },
  { name: 'iterations', type: 'counter', isTime: false },
  { name: 'dropped_iterations', type: 'counter', isTime: false },
];

const comparisons: Record<string, (left: number, right: number) => boolean> = {
  '==': (left, right) => left === right,
  '===': (left, right) => left === right,
  '!=': (left, right) => left !== right,
  '<': (left, right) => left < right,
  '<=': (left, right) => left <= right,
  '>': (left, right) => left > right,
  '>=': (left, right) => left >= right,
};

export class Results {
  private readonly series = new Map<string, Series>();
  private readonly checks = new Map<string, CheckCount>();
  private readonly begunMs = Date.now();

  constructor() {
    BUILT_IN.forEach((metric) => this.register(metric));
  }

  take({ declared, samples, checks }: Report): void {
    declared.forEach((metric) => this.register(metric));
    for (const sample of samples) this.add(sample);
    for (const { name, passes, fails } of checks) {
      const known = this.checks.get(name) ?? { name, passes: 0, fails: 0 };
      this.checks.set(name, { name, passes: known.passes + passes, fails: known.fails + fails });
    }
  }

  add(sample: Sample): void {
    const series = this.series.get(sample.metric);
    if (!series) throw new Error(`a sample of ${sample.metric}, which is not declared`);
    series.samples.push(sample);
  }

  /** The summary, with a verdict for each threshold. */
  judge(thresholds: Record<string, string[]>, trendStats: string[]): { data: unknown; failed: string[] } {
    const metrics: Record<string, Judged> = {};
    for (const [name, { samples }] of this.series) {
      // As in k6: a metric of its own appears once it has samples.
      const builtIn = BUILT_IN.some((metric) => metric.name === name);
      if (!builtIn || samples.length > 0) metrics[name] = this.judged(name, trendStats);
    }
    const failed: string[] = [];
    for (const [name, conditions] of Object.entries(thresholds)) {
      const judged = (metrics[name] ??= this.judged(name, trendStats));
      judged.thresholds = {};
      for (const condition of conditions) {
        const ok = this.holds(name, condition);
        judged.thresholds[condition] = { ok };
        if (!ok) failed.push(`${name}: ${condition}`);
      }
    }
    const root_group = { name: '', checks: [...this.checks.values()], groups: [] };
    return { data: { metrics, root_group, state: { testRunDurationMs: Date.now() - this.begunMs } }, failed };
  }

  private register({ name, type, isTime }: Declared): void {
    const known = this.series.get(name);
    if (!known) this.series.set(name, { type, isTime, samples: [] });
    else if (known.type !== type) throw new Error(`metric ${name} is both a ${known.type} and a ${type}`);
  }

  /** `name` or `name{tag:value,…}`. */
  private find(name: string): Series {
    const found = /^([^{]+)(?:\{(.*)\})?$/.exec(name);
    const series = this.series.get(found?.[1] ?? name);
    // A misspelt threshold would hold for ever.
    if (!series) throw new Error(`threshold on ${name}: there is no such metric`);
    const tags = (found?.[2] ?? '').split(',').filter((pair) => pair !== '').map((pair) => pair.split(':'));
    const samples = series.samples.filter(({ tags: own }) => tags.every(([tag, value]) => own[tag as string] === value));
    return { ...series, samples };
  }

  private judged(name: string, trendStats: string[]): Judged {
    const series = this.find(name);
    const statistics = { counter: ['count', 'rate'], gauge: ['value'], rate: ['rate', 'passes', 'fails'], trend: trendStats };
    const values = statistics[series.type].map((statistic) => [statistic, this.value(series, statistic)]);
    return { type: series.type, contains: series.isTime ? 'time' : 'default', values: Object.fromEntries(values) };
  }

  private holds(name: string, condition: string): boolean {
    const found = /^(\S+?)\s*(===?|!=|<=|>=|<|>)\s*(-?[\d.]+)$/.exec(condition);
    if (!found) throw new Error(`threshold on ${name}: ${condition} is not understood`);
    const [, statistic, comparison, limit] = found as unknown as [string, string, string, string];
    const series = this.find(name);
    // As in k6: a trend without samples breaks no threshold.
    if (series.type === 'trend' && series.samples.length === 0 && statistic !== 'count') return true;
    if (series.type === 'rate' && series.samples.length === 0) return true;
    return (comparisons[comparison] as (left: number, right: number) => boolean)(this.value(series, statistic), Number(limit));
  }

  private value({ type, samples }: Series, statistic: string): number {
    const values = samples.map(({ value }) => value);
    const sum = values.reduce((total, value) => total + value, 0);
    const seconds = (Date.now() - this.begunMs) / 1000;
    const known: Record<string, number | undefined> = {
      counter: { count: sum, rate: sum / seconds }[statistic],
      gauge: { value: values.at(-1) ?? 0 }[statistic],
      rate: {
        rate: values.length === 0 ? 0 : sum / values.length,
        passes: sum,
        fails: values.length - sum,
      }[statistic],
      trend: trend(values, sum, statistic),
    };
    const value = known[type];
    if (value === undefined) throw new Error(`a ${type} has no ${statistic}`);
    return value;
  }
}

function trend(values: number[], sum: number, statistic: string): number | undefined {
  const sorted = [...values].sort((one, other) => one - other);
  const percentile = /^p\(([\d.]+)\)$/.exec(statistic);
  if (percentile) return quantile(sorted, Number(percentile[1]) / 100);
  return {
    min: sorted[0] ?? 0,
    max: sorted.at(-1) ?? 0,
    med: quantile(sorted, 0.5),
    avg: sorted.length === 0 ? 0 : sum / sorted.length,
    count: sorted.length,
  }[statistic];
}

/** Between the two nearest samples, in proportion: k6's own rule. */
function quantile(sorted: number[], part: number): number {
  if (sorted.length === 0) return 0;
  const place = part * (sorted.length - 1);
  const below = sorted[Math.floor(place)] as number;
  const above = sorted[Math.ceil(place)] as number;
  return below + (above - below) * (place - Math.floor(place));
}
