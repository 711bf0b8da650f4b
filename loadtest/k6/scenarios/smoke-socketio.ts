// Does everything a client may do work over Socket.IO, once? The namespace `/chat`, two people, a few seconds.

import { check } from 'k6';
import type { Options } from 'k6/options';

import { userName } from '../lib/auth.ts';
import { ChatClient, type ChatMessage } from '../lib/chat-namespace.ts';
import { run as runName, urls } from '../lib/env.ts';
import { clientIdOf } from '../lib/ledger.ts';
import { report, trendStats } from '../lib/report.ts';
import { eventually, sleepMs } from '../lib/wait.ts';

const PATIENCE_MS = 20_000;
const EACH = 10;

export const options: Options = {
  scenarios: { smoke: { executor: 'per-vu-iterations', vus: 1, iterations: 1, maxDuration: '2m' } },
  summaryTrendStats: trendStats,
  thresholds: {
    checks: ['rate==1'],
    hubbub_clients_judged: ['count==2'],
    // Those of both, and what one of them said while the other was away.
    hubbub_acked: [`count==${2 * EACH + 1}`],
    hubbub_lost: ['count==0'],
    hubbub_unacked: ['count==0'],
    hubbub_out_of_order: ['count==0'],
    hubbub_duplicated: ['count==0'],
    hubbub_misplaced: ['count==0'],
    hubbub_resets: ['count==0'],
  },
};

interface Opened {
  roomId: string;
}

interface ChatRecord {
  roomId: string;
  receiver: string;
  unread: number;
}

export default async function (): Promise<void> {
  const run = runName === '' ? Date.now().toString(36) : runName;
  const [alice, bob] = [userName(run, 'client', 0), userName(run, 'client', 1)];
  // Each at another address, when there are several.
  const first = new ChatClient({ user: alice, urls, first: 0 });
  const second = new ChatClient({ user: bob, urls, first: 1 });
  const clients = [first, second] as const;
  await Promise.all(clients.map((client) => client.join()));
  const mine = await first.ask<Opened>('openRoom', [{ receiver: bob }]);
  const his = await second.ask<Opened>('openRoom', [{ receiver: alice }]);
  const room = mine.roomId;
  check(null, { 'two people have one room': () => his.roomId === room });
  await Promise.all(clients.map((client) => client.enter(room)));

  await talk(clients, room);
  await lookBack(second, room, alice);
  await comeBack(first, second, room);
  const stranger = await first.call<{ error?: { code: string } }>('join-room', ['00000000-0000-7000-8000-000000000000']);
  check(null, { 'a room that is not one\'s own is not found': () => stranger.error?.code === 'not_found' });
  for (const client of clients) {
    const head = await client.head(room);
    await eventually(Date.now() + PATIENCE_MS, () => client.ledger.place(room) >= head);
    client.ledger.judges(room, head);
    client.ledger.closes(client.reconnects);
    await client.leave();
  }
}

/** Both talk at once. */
async function talk(clients: readonly ChatClient[], room: string): Promise<void> {
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

async function lookBack(client: ChatClient, room: string, peer: string): Promise<void> {
  const page = await client.ask<ChatMessage[]>('history', [{ room, limit: 100 }]);
  const read = await client.ask<{ unread: number }>('read', [{ room, seq: page.at(-1)?.seq }]);
  const records = await client.ask<ChatRecord[]>('chatRecord', []);
  const record = records.find((one) => one.roomId === room);
  check(null, {
    'history holds all': () => page.length === 2 * EACH,
    'it is in order': () => page.every((message, at) => message.seq === at + 1),
    'all is read': () => read.unread === 0,
    'the list of chats says so too': () => record?.unread === 0 && record.receiver === peer,
  });
}

/** A connection that broke continues where it was: Socket.IO's connection state recovery. */
async function comeBack(gone: ChatClient, other: ChatClient, room: string): Promise<void> {
  gone.breakOff();
  const now = Date.now();
  other.send(room, clientIdOf(1, EACH, now), 'while somebody was away', now);
  const back = await eventually(Date.now() + PATIENCE_MS, () => gone.isLive);
  const head = await other.head(room);
  const caughtUp = await eventually(Date.now() + PATIENCE_MS, () => gone.ledger.place(room) >= head);
  check(null, { 'a client that was away is caught up': () => back && caughtUp });
}

export function handleSummary(data: unknown): Record<string, string> {
  return report('smoke-socketio', { urls }, data);
}
