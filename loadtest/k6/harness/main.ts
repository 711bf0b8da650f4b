// A whole run: loads the scenario, lets its executors work, judges its thresholds, prints its summary.

import { writeFileSync } from 'node:fs';

import { type ScenarioOptions, execute } from './executors.ts';
import type { Script } from './messages.ts';
import { Results } from './results.ts';
import { VirtualUser } from './user.ts';

const THRESHOLDS_FAILED = 99;

interface Options {
  scenarios?: Record<string, ScenarioOptions>;
  iterations?: number;
  thresholds?: Record<string, string[]>;
  summaryTrendStats?: string[];
}

/** The exit code. */
export async function main(script: Script): Promise<number> {
  const results = new Results();
  const environment = Object.fromEntries(
    Object.entries(process.env).filter((pair): pair is [string, string] => pair[1] !== undefined),
  );
  let users = 0;
  const newUser = async (): Promise<VirtualUser> => {
    const user = new VirtualUser({ script, id: ++users, environment }, (report) => results.take(report));
    await user.load();
    return user;
  };

  // Loads the script, prepares the run and sums it up; it is none of the VUs that work.
  const first = new VirtualUser({ script, id: 0, environment }, (report) => results.take(report));
  const { options, hasSetup, hasSummary } = (await first.load()) as {
    options: Options;
    hasSetup: boolean;
    hasSummary: boolean;
  };
  const data = hasSetup ? await first.do({ type: 'setup' }) : undefined;
  const complain = (error: Error): void => console.error(error.message);
  const scenarios = options.scenarios ?? {
    default: { executor: 'per-vu-iterations', vus: 1, iterations: options.iterations ?? 1 },
  };
  const run = { results, data, newUser, complain };
  await Promise.all(Object.values(scenarios).map((scenario) => execute(scenario, run)));

  const { data: summary, failed } = results.judge(options.thresholds ?? {}, options.summaryTrendStats ?? ['avg', 'max']);
  if (hasSummary) write((await first.do({ type: 'summarize', data: summary })) as Record<string, string>);
  await first.end();
  for (const threshold of failed) console.error(`threshold failed: ${threshold}`);
  return failed.length === 0 ? 0 : THRESHOLDS_FAILED;
}

function write(output: Record<string, string>): void {
  for (const [target, content] of Object.entries(output)) {
    if (target === 'stdout') process.stdout.write(content);
    else writeFileSync(target, content);
  }
}
