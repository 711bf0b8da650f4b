// The REST twins of the native door's commands.

import http, { type RefinedResponse, type ResponseType } from 'k6/http';

import { token } from './auth.ts';
import { urls } from './env.ts';

type Reply = RefinedResponse<ResponseType | undefined>;

export interface Page {
  messages: { seq: number; client_id: string; sender: string; body?: { text?: string } }[];
  has_more: boolean;
  seq: number;
  rev: number;
}

let turn = 0;

/** One request as `user`. `name` stands for the address in the metrics, so that ids do not multiply them. */
export function request(user: string, method: string, name: string, path: string, body?: object): Reply {
  return requestWith(token(user), method, name, path, body);
}

/** One request with whatever token. */
export function requestWith(bearer: string, method: string, name: string, path: string, body?: object): Reply {
  const url = urls[turn++ % urls.length];
  const headers = { Authorization: `Bearer ${bearer}`, 'Content-Type': 'application/json' };
  return http.request(method, `${url}${path}`, body === undefined ? null : JSON.stringify(body), {
    headers,
    tags: { name },
  });
}

/** The answer of a request that must succeed; an error that says what was answered otherwise. */
export function must<T>(reply: Reply): T {
  if (reply.status !== 200) {
    throw new Error(`${reply.request.method} ${reply.url}: ${reply.status} ${reply.error} ${String(reply.body)}`);
  }
  return JSON.parse(String(reply.body)) as T;
}

/** Has a gateway see a token of each of these users: they exist from then on, and can be added to rooms. */
export function introduce(users: string[]): void {
  for (const user of users) must(request(user, 'GET', 'chats', '/v1/chats?limit=1'));
}

/** Makes a room; the same `id` of the same founder finds it again, for every runner of a test. */
export function createRoom(founder: string, kind: 'group' | 'public', id: string, members: string[]): string {
  introduce(members);
  const room = { kind, name: id, members, request_id: id };
  return must<{ room: string }>(request(founder, 'POST', 'create_room', '/v1/rooms', room)).room;
}

export function openDirect(user: string, peer: string): Reply {
  return request(user, 'POST', 'open_direct', '/v1/rooms/direct', { peer });
}

export function send(user: string, room: string, clientId: string, text: string): Reply {
  const message = { client_id: clientId, body: { text } };
  return request(user, 'POST', 'send', `/v1/rooms/${room}/messages`, message);
}

export function history(user: string, room: string, query: string): Reply {
  return request(user, 'GET', 'history', `/v1/rooms/${room}/messages${query}`);
}

export function chats(user: string): Reply {
  return request(user, 'GET', 'chats', '/v1/chats');
}
