// People who talk in rooms: the load of most scenarios. When each message is due is laid down before
// anything is sent, so the rate is that of the plan whatever the cluster does (an open model).

import exec from 'k6/execution';
import type { PerVUIterationsScenario } from 'k6/options';

import { userName } from './auth.ts';
import { ChatClient } from './chat-namespace.ts';
import type { DoorClient, Visitor } from './door.ts';
import * as env from './env.ts';
import { clientIdOf } from './ledger.ts';
import { NativeClient } from './native.ts';
import * as rest from './rest.ts';
import { eventually, sleepMs } from './wait.ts';

/** How large, for how long, how fast. */
export interface Size {
  clients: number;
  /** Clients that share one VU's event loop. */
  clientsPerVu: number;
  rooms: number;
  roomsPerClient: number;
  /** Clients that talk; the others listen. */
  senders: number;
  /** Messages a second, of all together. */
  rate: number;
  bytes: number;
  rampSeconds: number;
  seconds: number;
  /** How long the last acks and deliveries may take once nobody talks any more. */
  settleSeconds: number;
  /** For some of the time the rate is a multiple. */
  spike?: { fromSeconds: number; toSeconds: number; factor: number };
}

/** What the clients of a run agree on. */
export interface Plan {
  run: string;
  rooms: string[];
  /** When the first message is due. */
  startMs: number;
  /** Everybody comes at once, instead of spread over the time before. */
  atOnce?: boolean;
}

/** A group takes so many (docs/protocol.md, limits), its founder included; more come to a public room. */
const GROUP_MEMBERS_MAX = 1000;
/** More than this of one user is refused, unless the cluster is told otherwise. */
const SENDS_PER_SECOND_MAX = env.number('SENDS_PER_SECOND_MAX', 10);
/** k6 processes that share the run (the operator's `parallelism`); each judges its own share. */
const RUNNERS = env.count('RUNNERS', 1);

/** Sizes from the environment over those of the scenario. */
export function size(unlessTold: Size): Size {
  const clients = env.count('CLIENTS', unlessTold.clients);
  const told: Size = {
    ...unlessTold,
    clients,
    clientsPerVu: env.count('CLIENTS_PER_VU', unlessTold.clientsPerVu),
    rooms: env.count('ROOMS', Math.min(unlessTold.rooms, clients)),
    senders: env.count('SENDERS', Math.min(unlessTold.senders, clients)),
    rate: env.number('RATE', unlessTold.rate, 0.001),
    bytes: env.count('MESSAGE_BYTES', unlessTold.bytes),
    rampSeconds: env.number('RAMP_SECONDS', unlessTold.rampSeconds),
    seconds: env.number('DURATION_SECONDS', unlessTold.seconds, 1),
    settleSeconds: env.number('SETTLE_SECONDS', unlessTold.settleSeconds, 1),
  };
  told.roomsPerClient = Math.min(env.count('ROOMS_PER_CLIENT', unlessTold.roomsPerClient), told.rooms);
  const fastest = (told.rate / told.senders) * (told.spike?.factor ?? 1);
  if (fastest > SENDS_PER_SECOND_MAX) {
    throw new Error(
      `${told.rate} messages a second of ${told.senders} people are ${fastest} of each: ` +
        `more than SENDS_PER_SECOND_MAX=${SENDS_PER_SECOND_MAX}`,
    );
  }
  const vus = told.clients / told.clientsPerVu;
  if (RUNNERS > 1 && (env.run === '' || vus % RUNNERS !== 0)) {
    throw new Error(`${RUNNERS} runners need RUN, the same for all, and CLIENTS = CLIENTS_PER_VU × RUNNERS × n`);
  }
  return told;
}

/** Every VU once, with its share of the clients. */
export function executor(size: Size): PerVUIterationsScenario {
  const seconds = size.rampSeconds + size.seconds + size.settleSeconds + 30;
  return {
    executor: 'per-vu-iterations',
    vus: Math.ceil(size.clients / size.clientsPerVu),
    iterations: 1,
    maxDuration: `${Math.ceil(seconds)}s`,
    gracefulStop: '10s',
  };
}

/** Nothing lost, nothing twice, all in order, all acknowledged, and everybody was there to see it. */
export function exactly(size: Size): Record<string, string[]> {
  return {
    hubbub_lost: ['count==0'],
    hubbub_unacked: ['count==0'],
    hubbub_out_of_order: ['count==0'],
    hubbub_duplicated: ['count==0'],
    hubbub_misplaced: ['count==0'],
    hubbub_refused: ['count==0'],
    hubbub_dismissed: ['count==0'],
    hubbub_resets: ['count==0'],
    hubbub_clients_judged: [`count==${size.clients / RUNNERS}`],
    hubbub_acked: ['count>0'],
    hubbub_delivered: ['count>0'],
  };
}

/** Makes the rooms. */
export function prepare(size: Size): Plan {
  const run = env.run === '' ? Date.now().toString(36) : env.run;
  const rooms: string[] = [];
  for (let room = 0; room < size.rooms; room++) {
    const members = [];
    for (let client = 0; client < size.clients; client++) {
      if (isIn(size, client, room)) members.push(userName(run, 'client', client));
    }
    const founder = userName(run, 'founder', room);
    const small = members.length < GROUP_MEMBERS_MAX;
    rooms.push(rest.createRoom(founder, small ? 'group' : 'public', `k6-${run}-${room}`, small ? members : []));
  }
  return { run, rooms, startMs: Date.now() + size.rampSeconds * 1000 };
}

function isIn(size: Size, client: number, room: number): boolean {
  return (room - client + size.rooms * (client + 1)) % size.rooms < size.roomsPerClient;
}

function roomsOf(size: Size, client: number): number[] {
  return Array.from({ length: size.roomsPerClient }, (_, turn) => (client + turn) % size.rooms);
}

/** One VU's share of the talk. */
export async function talk(size: Size, plan: Plan): Promise<void> {
  const first = (exec.vu.idInTest - 1) * size.clientsPerVu;
  const last = Math.min(first + size.clientsPerVu, size.clients);
  const all = [];
  for (let client = first; client < last; client++) {
    // One that fails is not judged, which fails the run; the others go on.
    all.push(live(size, plan, client).catch((error: Error) => console.error(error.message)));
  }
  await Promise.all(all);
}

const doors: Record<string, (visitor: Visitor) => DoorClient> = {
  native: (visitor) => new NativeClient(visitor),
  socketio: (visitor) => new ChatClient(visitor),
};
const door = doors[env.text('DOOR', 'native')];
if (!door) throw new Error(`DOOR is one of ${Object.keys(doors).join(', ')}`);

function open(visitor: Visitor): DoorClient {
  return (door as (visitor: Visitor) => DoorClient)(visitor);
}

async function live(size: Size, plan: Plan, index: number): Promise<void> {
  const { run, rooms, startMs } = plan;
  const client = open({ user: userName(run, 'client', index), urls: env.urls, first: index });
  if (!plan.atOnce) await sleepMs((index / size.clients) * (startMs - Date.now() - 1000));
  await client.join();
  const own = roomsOf(size, index).map((room) => rooms[room] as string);
  // Those who are members of it already came with the welcome.
  for (const room of own) if (!client.ledger.follows(room)) await client.enter(room);

  if (index < size.senders) await speak(size, startMs, index, client, own);
  const overMs = startMs + size.seconds * 1000;
  await sleepMs(overMs - Date.now());
  await settle(client, own, overMs + size.settleSeconds * 1000);
  client.ledger.closes(client.reconnects);
  await client.leave();
}

async function speak(size: Size, startMs: number, index: number, client: DoorClient, rooms: string[]): Promise<void> {
  const text = `${index} says something. `.padEnd(size.bytes, 'x').slice(0, size.bytes);
  const intervalMs = (1000 * size.senders) / size.rate;
  const overMs = startMs + size.seconds * 1000;
  let dueMs = startMs + (intervalMs * index) / size.senders;
  for (let number = 0; dueMs < overMs; number++) {
    await sleepMs(dueMs - Date.now());
    client.send(rooms[number % rooms.length] as string, clientIdOf(index, number, dueMs), text, dueMs);
    dueMs += intervalMs / factorAt(size, (dueMs - startMs) / 1000);
  }
}

function factorAt(size: Size, second: number): number {
  const { spike } = size;
  return spike && second >= spike.fromSeconds && second < spike.toSeconds ? spike.factor : 1;
}

/** Waits for the last acks, then for everything the rooms hold by then; what is missing is lost. */
async function settle(client: DoorClient, rooms: string[], untilMs: number): Promise<void> {
  await eventually(untilMs, () => client.ledger.unacked.size === 0);
  // Whoever sent last is acknowledged now, on whichever client: the heads are final.
  await sleepMs(Math.min(2000, Math.max(0, untilMs - Date.now())));
  for (const room of rooms) {
    const head = await client.head(room);
    await eventually(untilMs, () => client.ledger.place(room) >= head);
    client.ledger.judges(room, head);
  }
}
