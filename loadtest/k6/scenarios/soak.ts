// The steady chat for hours, and with it tokens that are renewed: what leaks shows here.

import type { Options } from 'k6/options';

import { type Plan, executor, exactly, prepare, size, talk } from '../lib/chat.ts';
import { number } from '../lib/env.ts';
import { report, trendStats } from '../lib/report.ts';

const crowd = size({
  clients: 500,
  clientsPerVu: 25,
  rooms: 50,
  roomsPerClient: 2,
  senders: 500,
  rate: 50,
  bytes: 200,
  rampSeconds: 30,
  seconds: 14400,
  settleSeconds: 60,
});

export const options: Options = {
  scenarios: { chat: executor(crowd) },
  summaryTrendStats: trendStats,
  setupTimeout: '5m',
  thresholds: {
    ...exactly(crowd),
    hubbub_send_ack_ms: [`p(99)<${number('ACK_P99_MS', 500)}`],
    hubbub_send_deliver_ms: [`p(99)<${number('DELIVER_P99_MS', 750)}`],
    hubbub_connect_ms: [`p(95)<${number('CONNECT_P95_MS', 2000)}`],
    // An ordinary rollout may happen meanwhile.
    hubbub_reconnects_per_client: [`max<=${number('RECONNECTS_MAX', 1)}`],
  },
};

export function setup(): Plan {
  return prepare(crowd);
}

export default async function (plan: Plan): Promise<void> {
  await talk(crowd, plan);
}

export function handleSummary(data: unknown): Record<string, string> {
  return report('soak', crowd, data);
}
