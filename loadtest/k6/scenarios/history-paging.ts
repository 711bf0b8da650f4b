// A room with a long past is paged through, from many places at once: no page has a hole,
// and pages meet.

import http from 'k6/http';
import { check } from 'k6';
import exec from 'k6/execution';
import type { Options } from 'k6/options';

import { token, userName } from '../lib/auth.ts';
import { count, number, run as runName, urls } from '../lib/env.ts';
import { arrivals, openRate } from '../lib/rates.ts';
import { report, trendStats } from '../lib/report.ts';
import * as rest from '../lib/rest.ts';

const load = arrivals({ rate: 50, seconds: 60, vus: 100 });
/** People who wrote the room's past, and read it now. Each may ask twenty times a second. */
const people = count('PEOPLE', 50, 1);
/** Messages of the past. */
const messages = count('MESSAGES', 1000, 100);
const PAGE = 30;

interface Plan {
  run: string;
  room: string;
}

export const options: Options = {
  scenarios: { paging: openRate(load) },
  summaryTrendStats: trendStats,
  setupTimeout: '10m',
  thresholds: {
    checks: ['rate==1'],
    'http_req_failed{name:history}': ['rate==0'],
    'http_req_duration{name:history}': [`p(99)<${number('HISTORY_P99_MS', 300)}`],
    dropped_iterations: ['count==0'],
    iterations: ['count>0'],
  },
};

export function setup(): Plan {
  const run = runName === '' ? Date.now().toString(36) : runName;
  const names = Array.from({ length: people }, (_, index) => userName(run, 'client', index));
  const room = rest.createRoom(userName(run, 'founder', 0), 'group', `k6-${run}-history`, names);
  for (let written = 0; written < messages; written += names.length) write(names, room, written);
  return { run, room };
}

/** One message of each, together; again those who were too fast. */
function write(names: string[], room: string, from: number): void {
  let waiting = names.map((user, index) => ({ user, id: `past-${from + index}` }));
  while (waiting.length > 0) {
    const replies = http.batch(
      waiting.map(({ user, id }, index) => ({
        method: 'POST',
        url: `${urls[index % urls.length]}/v1/rooms/${room}/messages`,
        body: JSON.stringify({ client_id: id, body: { text: `${id} ${'x'.repeat(150)}` } }),
        params: {
          headers: { Authorization: `Bearer ${token(user)}`, 'Content-Type': 'application/json' },
          tags: { name: 'past' },
        },
      })),
    );
    const refused = waiting.filter((_, index) => replies[index]?.status !== 200);
    if (refused.length === waiting.length) {
      throw new Error(`nothing of the past was taken: ${replies[0]?.status} ${String(replies[0]?.body)}`);
    }
    waiting = refused;
  }
}

export default function ({ run, room }: Plan): void {
  const turn = exec.scenario.iterationInTest;
  const user = userName(run, 'client', turn % people);
  // Anywhere in the past, another place each time.
  const before = PAGE * 2 + 2 + ((turn * 7919) % (messages - PAGE * 2));
  const page = rest.must<rest.Page>(rest.history(user, room, `?before_seq=${before}&limit=${PAGE}`));
  const older = rest.must<rest.Page>(
    rest.history(user, room, `?before_seq=${page.messages[0]?.seq ?? 0}&limit=${PAGE}`),
  );
  const seqs = [...older.messages, ...page.messages].map((message) => message.seq);
  check(null, {
    'two pages meet without a hole or a repetition': () => seqs.every((seq, at) => seq === before - PAGE * 2 + at),
    'each page is full': () => seqs.length === PAGE * 2,
  });
}

export function handleSummary(data: unknown): Record<string, string> {
  return report('history-paging', { ...load, people, messages }, data);
}
