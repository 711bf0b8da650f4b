// One room that everybody is in: each message goes to all of them.

import type { Options } from 'k6/options';

import { type Plan, executor, exactly, prepare, size, talk } from '../lib/chat.ts';
import { number } from '../lib/env.ts';
import { report, trendStats } from '../lib/report.ts';

const crowd = size({
  clients: 999,
  clientsPerVu: 50,
  rooms: 1,
  roomsPerClient: 1,
  senders: 20,
  rate: 5,
  bytes: 200,
  rampSeconds: 15,
  seconds: 60,
  settleSeconds: 30,
});

export const options: Options = {
  scenarios: { chat: executor(crowd) },
  summaryTrendStats: trendStats,
  setupTimeout: '5m',
  thresholds: {
    ...exactly(crowd),
    hubbub_send_ack_ms: [`p(99)<${number('ACK_P99_MS', 750)}`],
    hubbub_send_deliver_ms: [`p(99)<${number('DELIVER_P99_MS', 1500)}`],
    hubbub_connect_ms: [`p(95)<${number('CONNECT_P95_MS', 2000)}`],
    hubbub_reconnects_per_client: ['max==0'],
  },
};

export function setup(): Plan {
  return prepare(crowd);
}

export default async function (plan: Plan): Promise<void> {
  await talk(crowd, plan);
}

export function handleSummary(data: unknown): Record<string, string> {
  return report('big-room', crowd, data);
}
