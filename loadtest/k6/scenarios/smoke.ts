// Does everything a client may do work, once? Two people, one VU, a few seconds: for a check after a deployment,
// and for `make test`. The native door, REST beside it, order and loss judged as everywhere.

import { check } from 'k6';
import type { Options } from 'k6/options';

import { userName } from '../lib/auth.ts';
import { run as runName, urls } from '../lib/env.ts';
import { clientIdOf } from '../lib/ledger.ts';
import { NativeClient, Refused } from '../lib/native.ts';
import { report, trendStats } from '../lib/report.ts';
import * as rest from '../lib/rest.ts';
import { eventually, sleepMs } from '../lib/wait.ts';

const PATIENCE_MS = 20_000;
const EACH = 10;

export const options: Options = {
  scenarios: { smoke: { executor: 'per-vu-iterations', vus: 1, iterations: 1, maxDuration: '2m' } },
  summaryTrendStats: trendStats,
  thresholds: {
    checks: ['rate==1'],
    hubbub_clients_judged: ['count==2'],
    hubbub_acked: [`count==${2 * EACH}`],
    hubbub_lost: ['count==0'],
    hubbub_unacked: ['count==0'],
    hubbub_out_of_order: ['count==0'],
    hubbub_duplicated: ['count==0'],
    hubbub_misplaced: ['count==0'],
    hubbub_resets: ['count==0'],
  },
};

interface Room {
  room: string;
  created: boolean;
}

export default async function (): Promise<void> {
  const run = runName === '' ? Date.now().toString(36) : runName;
  const [alice, bob] = [userName(run, 'client', 0), userName(run, 'client', 1)];
  // Each at another address, when there are several.
  const clients = [
    new NativeClient({ user: alice, urls, first: 0 }),
    new NativeClient({ user: bob, urls, first: 1 }),
  ] as const;
  await Promise.all(clients.map((client) => client.join()));
  const mine = await clients[0].ask<Room>('open_direct', { peer: bob });
  const his = await clients[1].ask<Room>('open_direct', { peer: alice });
  const { room } = mine;
  check(null, {
    'two people have one room': () => his.room === room,
    'it was made once': () => mine.created !== his.created,
  });

  await talk(clients, room);
  await lookBack(clients, room, [alice, bob]);
  await comeBack(clients[0], clients[1], room);
  await refusals(clients[0]);
  for (const client of clients) {
    const head = await client.head(room);
    await eventually(Date.now() + PATIENCE_MS, () => client.ledger.place(room) >= head);
    client.ledger.judges(room, head);
    client.ledger.closes(client.reconnects);
    await client.leave();
  }
}

/** Both talk at once. */
async function talk(clients: readonly NativeClient[], room: string): Promise<void> {
  for (let number = 0; number < EACH; number++) {
    clients.forEach((client, index) => {
      const now = Date.now();
      client.send(room, clientIdOf(index, number, now), `message ${number} of ${index}`, now);
    });
    await sleepMs(100);
  }
  const heard = await eventually(Date.now() + PATIENCE_MS, () =>
    clients.every((client) => client.ledger.unacked.size === 0 && client.ledger.place(room) >= 2 * EACH),
  );
  check(null, { 'everything is acknowledged and heard': () => heard });
}

/** The same past over the socket and over REST; reading, reacting, editing, deleting. */
async function lookBack(clients: readonly NativeClient[], room: string, people: string[]): Promise<void> {
  const [first, second] = clients as [NativeClient, NativeClient];
  const [alice, bob] = people as [string, string];
  const page = await first.ask<rest.Page>('history', { room, limit: 100 });
  const twin = rest.must<rest.Page>(rest.history(bob, room, '?limit=100'));
  check(null, {
    'history holds all': () => page.messages.length === 2 * EACH,
    'it is in order': () => page.messages.every((message, at) => message.seq === at + 1),
    'REST shows the same': () => JSON.stringify(twin.messages) === JSON.stringify(page.messages),
  });
  const own = page.messages.find((message) => message.sender === alice)?.seq as number;
  await second.ask('react', { room, seq: own, emoji: '👍' });
  await first.ask('edit', { room, seq: own, body: { text: 'said otherwise' } });
  await first.ask('delete', { room, seq: own });
  const unread = await second.ask<{ unread: number }>('read', { room, seq: 2 * EACH });
  const chats = rest.must<{ chats: { room: string; unread: number }[] }>(rest.chats(bob));
  check(null, {
    'all is read': () => unread.unread === 0,
    'the list of chats says so too': () => chats.chats.find((chat) => chat.room === room)?.unread === 0,
  });
}

/** A connection that broke continues where it was. */
async function comeBack(gone: NativeClient, other: NativeClient, room: string): Promise<void> {
  gone.breakOff();
  const absent = await eventually(Date.now() + PATIENCE_MS, () => !gone.isLive);
  // The last message is there for certain: one of the first was deleted.
  await other.ask('react', { room, seq: 2 * EACH, emoji: '🎉' });
  const back = await eventually(Date.now() + PATIENCE_MS, () => gone.isLive);
  const head = await other.head(room);
  const caughtUp = await eventually(Date.now() + PATIENCE_MS, () => gone.ledger.place(room) >= head);
  check(null, { 'a client that was away is caught up': () => absent && back && caughtUp });
}

/** What must not be. */
async function refusals(client: NativeClient): Promise<void> {
  const nowhere = '00000000-0000-7000-8000-000000000000';
  const code = async (type: string, fields: object): Promise<string> => {
    try {
      await client.call(type, fields);
      return 'ok';
    } catch (error) {
      return error instanceof Refused ? error.error.code : String(error);
    }
  };
  const absent = await code('history', { room: nowhere });
  const unknown = await code('no_such_command', {});
  const long = await code('send', { room: nowhere, client_id: 'x', body: { text: 'x'.repeat(4001) } });
  const stranger = rest.requestWith('no.such.token', 'GET', 'refused', '/v1/chats');
  check(null, {
    'a room that is not one\'s own is not found': () => absent === 'not_found',
    'an unknown command is a bad request': () => unknown === 'bad_request',
    'a text that is too long is refused': () => long === 'too_large' || long === 'not_found',
    'a forged token is refused': () => stranger.status === 401,
    'and the connection goes on': () => client.isLive,
  });
}

export function handleSummary(data: unknown): Record<string, string> {
  return report('smoke', { urls }, data);
}
