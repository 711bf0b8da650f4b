// Every gateway is replaced while clients talk; in the middle the rate doubles. Start this, then start the rollout
// (`kubectl rollout restart`). No client may lose a message or reconnect more than once.

import type { Options } from 'k6/options';

import { type Plan, executor, exactly, prepare, size, talk } from '../lib/chat.ts';
import { number } from '../lib/env.ts';
import { report, trendStats } from '../lib/report.ts';

const crowd = size({
  clients: 300,
  clientsPerVu: 20,
  rooms: 30,
  roomsPerClient: 2,
  senders: 300,
  rate: 100,
  bytes: 200,
  rampSeconds: 10,
  seconds: 120,
  settleSeconds: 30,
  spike: { fromSeconds: number('SPIKE_FROM_SECONDS', 30), toSeconds: number('SPIKE_TO_SECONDS', 60), factor: number('SPIKE_FACTOR', 2, 1) },
});

export const options: Options = {
  scenarios: { chat: executor(crowd) },
  summaryTrendStats: trendStats,
  setupTimeout: '5m',
  thresholds: {
    ...exactly(crowd),
    hubbub_send_ack_ms: [`p(99)<${number('ACK_P99_MS', 1500)}`],
    hubbub_send_deliver_ms: [`p(99)<${number('DELIVER_P99_MS', 3000)}`],
    hubbub_connect_ms: [`p(95)<${number('CONNECT_P95_MS', 2000)}`],
    hubbub_reconnects_per_client: [`max<=${number('RECONNECTS_MAX', 1)}`],
    // The restart was there to be seen: otherwise this run proves nothing.
    hubbub_reconnects: ['count>0'],
  },
};

export function setup(): Plan {
  return prepare(crowd);
}

export default async function (plan: Plan): Promise<void> {
  await talk(crowd, plan);
}

export function handleSummary(data: unknown): Record<string, string> {
  return report('rolling-restart', crowd, data);
}
