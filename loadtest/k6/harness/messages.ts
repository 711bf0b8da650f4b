// What the main thread and the virtual users (VUs) say to each other.

/** One measurement. */
export interface Sample {
  metric: string;
  value: number;
  tags: Record<string, string>;
}

export type MetricType = 'counter' | 'gauge' | 'rate' | 'trend';

/** A metric that a VU declared. */
export interface Declared {
  name: string;
  type: MetricType;
  isTime: boolean;
}

/** How often a check held and did not. */
export interface CheckCount {
  name: string;
  passes: number;
  fails: number;
}

/** Measurements since the last report. */
export interface Report {
  declared: Declared[];
  samples: Sample[];
  checks: CheckCount[];
}

/** A scenario. */
export interface Script {
  /** Its file. Paths in it are resolved from there. */
  source: string;
  /** The same without types. */
  module: string;
}

/** Start values of a VU's thread. */
export interface VuData {
  script: Script;
  id: number;
  environment: Record<string, string>;
}

export type ToVu =
  | { type: 'setup' }
  | { type: 'iterate'; iteration: number; data: unknown }
  | { type: 'summarize'; data: unknown };

export type FromVu =
  | { type: 'loaded'; options: unknown; hasSetup: boolean; hasSummary: boolean; report: Report }
  | { type: 'report'; report: Report }
  | { type: 'done'; value: unknown; report: Report }
  | { type: 'failed'; error: string; report: Report };
