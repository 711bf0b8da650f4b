// Everybody comes at once, as after an outage. Whoever is refused for the moment comes again after a growing,
// random pause; all must be in after a while, and then each of them must be given what is said.

import type { Options } from 'k6/options';

import { type Plan, executor, exactly, prepare, size, talk } from '../lib/chat.ts';
import { number } from '../lib/env.ts';
import { report, trendStats } from '../lib/report.ts';

// No ramp: the whole crowd is due when the rooms are made. The talk begins when all should be in.
const crowd = size({
  clients: 1000,
  clientsPerVu: 50,
  rooms: 100,
  roomsPerClient: 2,
  senders: 100,
  rate: 20,
  bytes: 100,
  rampSeconds: 0,
  seconds: 10,
  settleSeconds: 20,
});
const admissionSeconds = number('ADMISSION_SECONDS', 30, 1);

export const options: Options = {
  scenarios: { storm: executor({ ...crowd, rampSeconds: admissionSeconds }) },
  summaryTrendStats: trendStats,
  setupTimeout: '5m',
  thresholds: {
    ...exactly(crowd),
    hubbub_connect_ms: [`max<${admissionSeconds * 1000}`],
  },
};

export function setup(): Plan {
  return prepare(crowd);
}

export default async function (plan: Plan): Promise<void> {
  // Everybody comes now; the messages are due when they should be in.
  const startMs = plan.startMs + admissionSeconds * 1000;
  await talk(crowd, { ...plan, startMs, atOnce: true });
}

export function handleSummary(data: unknown): Record<string, string> {
  return report('connect-storm', { ...crowd, admissionSeconds }, data);
}
