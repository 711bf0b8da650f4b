// People in rooms talk at a steady rate. Order and loss are judged by every client for itself.

import type { Options } from 'k6/options';

import { type Plan, executor, exactly, prepare, size, talk } from '../lib/chat.ts';
import { number } from '../lib/env.ts';
import { report, trendStats } from '../lib/report.ts';

const crowd = size({
  clients: 200,
  clientsPerVu: 20,
  rooms: 20,
  roomsPerClient: 2,
  senders: 200,
  rate: 100,
  bytes: 200,
  rampSeconds: 10,
  seconds: 60,
  settleSeconds: 20,
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
  return report('steady-chat', crowd, data);
}
