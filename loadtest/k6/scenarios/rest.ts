// Callers without a socket: find or make a room, send, read the page it is on, list the chats.

import { check } from 'k6';
import exec from 'k6/execution';
import type { Options } from 'k6/options';

import { userName } from '../lib/auth.ts';
import { count, number, run as runName } from '../lib/env.ts';
import { arrivals, openRate } from '../lib/rates.ts';
import { report, trendStats } from '../lib/report.ts';
import * as rest from '../lib/rest.ts';

const load = arrivals({ rate: 20, seconds: 60, vus: 50 });
/** Enough that nobody is slowed down: each iteration is four requests, of twenty a second and user. */
const people = count('PEOPLE', 100, 2);

export const options: Options = {
  scenarios: { rest: openRate(load) },
  summaryTrendStats: trendStats,
  thresholds: {
    checks: ['rate==1'],
    http_req_failed: ['rate==0'],
    http_req_duration: [`p(99)<${number('REST_P99_MS', 500)}`],
    dropped_iterations: ['count==0'],
    iterations: ['count>0'],
  },
};

export function setup(): { run: string } {
  const run = runName === '' ? Date.now().toString(36) : runName;
  rest.introduce(Array.from({ length: people }, (_, number) => userName(run, 'client', number)));
  return { run };
}

export default function ({ run }: { run: string }): void {
  const turn = exec.scenario.iterationInTest;
  const user = userName(run, 'client', turn % people);
  const peer = userName(run, 'client', (turn + 1) % people);

  const opened = rest.openDirect(user, peer);
  const { room } = rest.must<{ room: string }>(opened);
  const clientId = `rest-${run}-${turn}`;
  const first = rest.must<{ seq: number }>(rest.send(user, room, clientId, `turn ${turn}`));
  const page = rest.must<rest.Page>(rest.history(peer, room, `?around_seq=${first.seq}&limit=10`));
  const chats = rest.must<{ chats: { room: string }[] }>(rest.chats(user));
  check(null, {
    'the page holds what was sent, where the ack said': () =>
      page.messages.some((message) => message.seq === first.seq && message.client_id === clientId),
    'a page is in order': () =>
      page.messages.every((message, at) => at === 0 || message.seq === (page.messages[at - 1]?.seq ?? 0) + 1),
    'the room is in the list of chats': () => chats.chats.some((chat) => chat.room === room),
  });
}

export function handleSummary(data: unknown): Record<string, string> {
  return report('rest', { ...load, people }, data);
}
