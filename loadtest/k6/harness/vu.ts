// One virtual user: a thread with the scenario's modules of its own, which does what the main thread asks.

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';

import execution from './api/execution.ts';
import { pendingTimers } from './api/timers.ts';
import { openSockets } from './api/websockets.ts';
import type { FromVu, ToVu, VuData } from './messages.ts';
import { take } from './registry.ts';
import { scriptFolder, setScript } from './script.ts';

interface Scenario {
  options?: unknown;
  default?: (data: unknown) => unknown;
  setup?: () => unknown;
  handleSummary?: (data: unknown) => unknown;
}

/** Between two looks at whether sockets and timers have ended. */
const LOOK_MS = 5;
/** Between two reports while an iteration runs. */
const REPORT_MS = 250;

const port = parentPort;
if (!port) throw new Error('this is the code of a worker thread');
const { script, id, environment } = workerData as VuData;

function say(message: FromVu): void {
  port?.postMessage(message);
}

setScript(script.source);
execution.vu.idInTest = id;
let isLoading = true;
Object.assign(globalThis, {
  __ENV: environment,
  __VU: id,
  open(path: string): string {
    if (!isLoading) throw new Error('open() works only while a script is loaded');
    return readFileSync(resolve(scriptFolder(), path), 'utf8');
  },
});

async function idle(): Promise<void> {
  while (openSockets() > 0 || pendingTimers() > 0) await new Promise((wake) => setTimeout(wake, LOOK_MS));
}

async function run(scenario: Scenario, order: ToVu): Promise<unknown> {
  switch (order.type) {
    case 'setup':
      return scenario.setup?.();
    case 'iterate':
      execution.scenario.iterationInTest = order.iteration;
      await scenario.default?.(order.data);
      return idle();
    case 'summarize':
      return scenario.handleSummary?.(order.data);
    default:
      return undefined;
  }
}

/** The message with the frames that lie in the scenario. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  const own = frames.filter((line) => !line.includes('/harness/') && !line.includes('node:'));
  return [`${error.name}: ${error.message}`, ...own].join('\n');
}

try {
  const scenario = (await import(pathToFileURL(script.module).href)) as Scenario;
  isLoading = false;
  port.on('message', (order: ToVu) => {
    run(scenario, order).then(
      (value) => say({ type: 'done', value, report: take() }),
      (error: unknown) => say({ type: 'failed', error: describe(error), report: take() }),
    );
  });
  setInterval(() => say({ type: 'report', report: take() }), REPORT_MS).unref();
  say({
    type: 'loaded',
    options: scenario.options ?? {},
    hasSetup: scenario.setup !== undefined,
    hasSummary: scenario.handleSummary !== undefined,
    report: take(),
  });
} catch (error) {
  say({ type: 'failed', error: describe(error), report: take() });
}
