// When iterations begin, and in which VU: the two executors that the scenarios use.

import type { Results } from './results.ts';
import type { VirtualUser } from './user.ts';

export interface ScenarioOptions {
  executor: string;
  vus?: number;
  iterations?: number;
  maxDuration?: string;
  gracefulStop?: string;
  rate?: number;
  timeUnit?: string;
  duration?: string;
  maxVUs?: number;
}

/** What an executor works with. */
export interface Run {
  results: Results;
  data: unknown;
  /** A VU that is loaded. */
  newUser: () => Promise<VirtualUser>;
  /** Tells of an iteration that threw. */
  complain: (error: Error) => void;
}

const DEFAULT_DURATION = '10m';
const DEFAULT_GRACEFUL_STOP = '30s';

export function execute(options: ScenarioOptions, run: Run): Promise<void> {
  switch (options.executor) {
    case 'per-vu-iterations':
      return perVu(options, run);
    case 'constant-arrival-rate':
      return arrivals(options, run);
    default:
      throw new Error(`the harness does not implement the executor ${options.executor}`);
  }
}

export function milliseconds(duration: string): number {
  const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
  let total = 0;
  const rest = duration.replace(/([\d.]+)(ms|s|m|h)/g, (_, number: string, unit: keyof typeof units) => {
    total += Number(number) * units[unit];
    return '';
  });
  if (rest !== '' || duration === '') throw new Error(`${duration} is not a duration such as 1m30s`);
  return total;
}

/** One iteration. Samples of one that threw count; so does the iteration. */
async function iterate(user: VirtualUser, iteration: number, run: Run): Promise<void> {
  try {
    await user.do({ type: 'iterate', iteration, data: run.data });
  } catch (error) {
    run.complain(error as Error);
  }
  run.results.add({ metric: 'iterations', value: 1, tags: {} });
}

async function perVu(options: ScenarioOptions, run: Run): Promise<void> {
  const { vus = 1, iterations = 1, maxDuration = DEFAULT_DURATION, gracefulStop = DEFAULT_GRACEFUL_STOP } = options;
  const users = await Promise.all(Array.from({ length: vus }, () => run.newUser()));
  let started = 0;
  const work = users.map(async (user) => {
    for (let own = 0; own < iterations; own++) await iterate(user, started++, run);
  });
  const limit = milliseconds(maxDuration) + milliseconds(gracefulStop);
  await within(limit, Promise.all(work), run);
  await Promise.all(users.map((user) => user.end()));
}

/** An open model: an iteration that finds no free VU is dropped, and counted. */
async function arrivals(options: ScenarioOptions, run: Run): Promise<void> {
  const { rate = 1, timeUnit = '1s', duration = '1s', maxVUs = 1, gracefulStop = DEFAULT_GRACEFUL_STOP } = options;
  const every = milliseconds(timeUnit) / rate;
  const begun = Date.now();
  const total = Math.floor(milliseconds(duration) / every);
  const free: VirtualUser[] = [];
  const all: VirtualUser[] = [];
  const work: Promise<void>[] = [];
  let starting = 0;
  for (let iteration = 0; iteration < total; iteration++) {
    await new Promise((wake) => setTimeout(wake, Math.max(0, begun + iteration * every - Date.now())));
    if (free.length === 0 && all.length + starting >= maxVUs) {
      run.results.add({ metric: 'dropped_iterations', value: 1, tags: {} });
      continue;
    }
    work.push(
      (async () => {
        let user = free.pop();
        if (!user) {
          starting += 1;
          user = await run.newUser();
          starting -= 1;
          all.push(user);
        }
        await iterate(user, iteration, run);
        free.push(user);
      })(),
    );
  }
  await within(milliseconds(gracefulStop), Promise.all(work), run);
  await Promise.all(all.map((user) => user.end()));
}

async function within(limitMs: number, work: Promise<unknown>, run: Run): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      run.complain(new Error(`iterations were stopped after ${limitMs / 1000} s`));
      resolve();
    }, limitMs);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}
