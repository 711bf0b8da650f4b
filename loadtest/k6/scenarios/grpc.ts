// Services that call the room and the history service themselves (docs/grpc.md).

import { check } from 'k6';
import exec from 'k6/execution';
import grpc, { type Client, type Response } from 'k6/net/grpc';
import type { Options } from 'k6/options';

import { count, list, number, run as runName, text } from '../lib/env.ts';
import { arrivals, openRate } from '../lib/rates.ts';
import { report, trendStats } from '../lib/report.ts';

const load = arrivals({ rate: 50, seconds: 60, vus: 50 });
const people = count('PEOPLE', 100, 2);
const roomService = list('HUBBUB_ROOM', '127.0.0.1:7102');
const historyService = list('HUBBUB_HISTORY', '127.0.0.1:7103');
const serviceToken = text('HUBBUB_GRPC_TOKEN', '');
const plaintext = text('HUBBUB_GRPC_TLS', '') === '';

const room = new grpc.Client();
room.load(['../../../proto'], 'hubbub/room/v1/room.proto');
const history = new grpc.Client();
history.load(['../../../proto'], 'hubbub/history/v1/history.proto');

export const options: Options = {
  scenarios: { grpc: openRate(load) },
  summaryTrendStats: trendStats,
  thresholds: {
    checks: ['rate==1'],
    grpc_req_duration: [`p(99)<${number('GRPC_P99_MS', 300)}`],
    dropped_iterations: ['count==0'],
    iterations: ['count>0'],
  },
};

export function setup(): { run: string } {
  return { run: runName === '' ? Date.now().toString(36) : runName };
}

let connected = false;

/** Each VU spreads over the addresses by its number, and keeps its connections. */
function connect(): void {
  if (connected) return;
  const turn = exec.vu.idInTest;
  room.connect(roomService[turn % roomService.length] as string, { plaintext });
  history.connect(historyService[turn % historyService.length] as string, { plaintext });
  connected = true;
}

function call<T>(client: Client, method: string, message: object): T {
  const metadata = serviceToken === '' ? {} : { authorization: `Bearer ${serviceToken}` };
  const response: Response = client.invoke(`hubbub.${method}`, message, { metadata, tags: { name: method }, timeout: '5s' });
  check(response, { [`${method} is answered`]: (answer) => answer.status === grpc.StatusOK });
  return response.message as T;
}

interface Opened {
  room: { roomId: string };
}

interface AppendedAll {
  results: { appended?: { seq: string } }[];
}

interface Page {
  messages: { seq: string; clientId: string }[];
}

interface Heads {
  rooms: { head: { seq: string } }[];
}

export default function ({ run }: { run: string }): void {
  connect();
  const turn = exec.scenario.iterationInTest;
  const [actor, peer] = [`k6-${run}-${turn % people}`, `k6-${run}-${(turn + 1) % people}`];
  const opened = call<Opened>(room, 'room.v1.RoomService/OpenDirect', { actor_id: actor, peer_id: peer });
  const room_id = opened.room.roomId;
  const message = { room_id, sender_id: actor, client_id: `grpc-${run}-${turn}`, body: { text: `turn ${turn}` } };
  const first = call<AppendedAll>(history, 'history.v1.HistoryService/Append', { messages: [message] });
  const again = call<AppendedAll>(history, 'history.v1.HistoryService/Append', { messages: [message] });
  const page = call<Page>(history, 'history.v1.HistoryService/GetPage', { room_id, limit: 30 });
  const heads = call<Heads>(history, 'history.v1.HistoryService/GetHeads', { rooms: [{ room_id }], user_id: peer });
  call(room, 'room.v1.RoomService/ListChats', { user_id: actor });
  const seq = first.results[0]?.appended?.seq;
  check(null, {
    'a repetition has the first one\'s place': () => seq !== undefined && again.results[0]?.appended?.seq === seq,
    'the newest page holds it': () => page.messages.some((one) => one.seq === seq && one.clientId === message.client_id),
    'the head has come as far': () => Number(heads.rooms[0]?.head.seq) >= Number(seq),
  });
}

export function handleSummary(data: unknown): Record<string, string> {
  return report('grpc', { ...load, people }, data);
}
