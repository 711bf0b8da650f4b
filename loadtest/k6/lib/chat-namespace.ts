// A careful client of `/chat`, the Socket.IO door's namespace for conversations (docs/protocol.md, part 2): it
// continues where it was by Socket.IO's own connection state recovery, and sends again, under the same id,
// what was not acknowledged. Places are counted by `seq`: this door tells no other to everybody.

import { setTimeout } from 'k6/timers';

import { token } from './auth.ts';
import type { DoorClient, Visitor } from './door.ts';
import { Ledger, type Outgoing } from './ledger.ts';
import * as metrics from './metrics.ts';
import { SocketIo } from './socketio.ts';
import { pauseMs, sleepMs } from './wait.ts';

const DOOR = 'socketio';
const RETRY_MS = 250;
/** The most that `history` gives at once. */
const PAGE = 100;

export interface ChatMessage {
  room: string;
  seq: number;
  sender: string;
  message: string;
  clientId: string;
}

interface Refusal {
  error?: { code: string; message: string; retryable?: boolean; retry_after_ms?: number };
}

export class ChatClient implements DoorClient {
  readonly ledger = new Ledger(DOOR);
  reconnects = 0;
  private readonly visitor: Visitor;
  private turn: number;
  private socket: SocketIo | undefined;
  private readonly rooms: string[] = [];
  private pid: string | undefined;
  private offset: string | undefined;
  private live = false;
  private welcomedHere = false;
  private leaving = false;
  private failures = 0;
  private begunMs = 0;
  private absentSinceMs = 0;
  private joined: { resolve: () => void; reject: (error: Error) => void } | undefined;
  private left: (() => void) | undefined;

  constructor(visitor: Visitor) {
    this.visitor = visitor;
    this.turn = visitor.first;
  }

  get isLive(): boolean {
    return this.live;
  }

  join(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.joined = { resolve, reject };
      this.begunMs = Date.now();
      this.open();
    });
  }

  /** Its stream, for whoever is a member already. */
  async enter(room: string): Promise<void> {
    const entered = await this.ask<{ seq?: number }>('join-room', [room]);
    if (!this.rooms.includes(room)) this.rooms.push(room);
    this.ledger.begins(room, entered.seq ?? (await this.head(room)));
  }

  async head(room: string): Promise<number> {
    const page = await this.ask<ChatMessage[]>('history', [{ room, limit: 1 }]);
    return page.at(-1)?.seq ?? 0;
  }

  send(room: string, clientId: string, text: string, dueMs: number): void {
    const message: Outgoing = { room, clientId, text, dueMs };
    this.ledger.sends(message);
    if (this.live) this.submit(message);
  }

  /** Lets the connection go, as if it had broken. It comes back by itself. */
  breakOff(): void {
    this.live = false;
    this.socket?.drop();
  }

  leave(): Promise<void> {
    return new Promise((resolve) => {
      this.leaving = true;
      if (!this.socket) return resolve();
      this.left = resolve;
      // One that is still connecting is closed once it is open: k6 would wait for ever otherwise.
      if (!this.live) return undefined;
      this.live = false;
      this.socket.close();
      return undefined;
    });
  }

  /** Emits an event that is acknowledged, again while trying again can help. */
  async ask<T>(event: string, args: unknown[]): Promise<T> {
    for (;;) {
      const answer = await this.call<T & Refusal>(event, args);
      if (!answer.error) return answer;
      if (!answer.error.retryable || this.leaving) throw new Error(`${event}: ${answer.error.code}`);
      await sleepMs(answer.error.retry_after_ms ?? RETRY_MS);
    }
  }

  call<T>(event: string, args: unknown[]): Promise<T> {
    const broken = { error: { code: 'unavailable', message: 'the connection ended', retryable: true } } as T;
    return new Promise((resolve) => {
      const { socket } = this;
      if (!socket?.isConnected || !this.live) return resolve(broken);
      socket.emit(event, args, ([answer]) => resolve(answer as T), () => resolve(broken));
    });
  }

  private open(): void {
    const { user, urls } = this.visitor;
    const url = urls[this.turn++ % urls.length] as string;
    const continued = this.pid === undefined ? {} : { pid: this.pid, offset: this.offset };
    this.socket = new SocketIo(url, '/chat', '', { token: token(user), ...continued }, {
      connected: ({ pid }, atMs) => this.connected(pid, atMs),
      refused: ({ data }) => this.refused(data?.code),
      event: (name, args, atMs) => this.hear(name, args, atMs),
      opened: () => {
        if (this.leaving) this.socket?.close();
      },
      ended: () => this.ended(),
    });
  }

  private connected(pid: string | undefined, atMs: number): void {
    const continues = pid !== undefined && pid === this.pid;
    this.pid = pid;
    this.failures = 0;
    this.welcomedHere = true;
    this.live = true;
    if (this.joined) {
      metrics.connectMs.add(atMs - this.begunMs, { door: DOOR });
      this.joined.resolve();
      this.joined = undefined;
    } else {
      metrics.absentMs.add(atMs - this.absentSinceMs, { door: DOOR });
      if (!continues) this.beginAnew();
    }
    for (const message of this.ledger.unacked.values()) this.submit(message);
  }

  /** What was missed is not coming: the rooms are entered again and looked at. */
  private beginAnew(): void {
    for (const room of this.rooms) {
      const before = this.ledger.place(room);
      this.ask('join-room', [room])
        .then(() => this.ask<ChatMessage[]>('history', [{ room, limit: PAGE }]))
        .then((page) => {
          this.ledger.resets(room, page.at(-1)?.seq ?? before);
          for (const message of page) if (message.seq > before) this.sees(message, Date.now());
        })
        // The connection has ended again: the next one begins anew.
        .catch(() => undefined);
    }
  }

  private refused(code: string | undefined): void {
    if (code === 'unauthenticated') {
      metrics.dismissed.add(1, { door: DOOR, code });
      this.leaving = true;
      this.joined?.reject(new Error(`${this.visitor.user} was turned away: ${code}`));
      this.joined = undefined;
    }
    this.socket?.close();
  }

  private ended(): void {
    const wasLive = this.welcomedHere;
    this.live = false;
    this.welcomedHere = false;
    this.socket = undefined;
    if (this.leaving) return this.left?.();
    if (wasLive) {
      this.reconnects += 1;
      metrics.reconnects.add(1, { door: DOOR });
      this.absentSinceMs = Date.now();
    } else {
      metrics.attemptsFailed.add(1, { door: DOOR });
      this.failures += 1;
    }
    setTimeout(() => {
      if (this.leaving) this.left?.();
      else this.open();
    }, pauseMs(this.failures));
  }

  private submit(message: Outgoing): void {
    const { room, clientId, text } = message;
    const said = { room, clientId, message: text };
    this.socket?.emit('chatMessage', [said], ([answer], atMs) => {
      const { error, seq } = answer as { seq: number } & Refusal;
      if (!error) return this.ledger.acked(clientId, seq, atMs);
      if (!error.retryable) {
        console.error(`a message was refused: ${error.code}: ${error.message}`);
        return this.ledger.refuses(clientId);
      }
      metrics.resent.add(1, { door: DOOR });
      setTimeout(() => {
        if (this.live && this.ledger.unacked.has(clientId)) this.submit(message);
      }, error.retry_after_ms ?? RETRY_MS);
      return undefined;
    });
  }

  private hear(name: string, args: unknown[], atMs: number): void {
    // Events that can be recovered end with an offset: where to continue after them.
    const last = args.at(-1);
    if (typeof last === 'string' && this.pid !== undefined) this.offset = last;
    if (name !== 'chatMessage' && name !== 'roomNotice') return;
    const message = args[0] as ChatMessage;
    this.ledger.changes(message.room, message.seq);
    if (name === 'chatMessage') this.sees(message, atMs);
  }

  private sees(message: ChatMessage, atMs: number): void {
    this.ledger.sees(message.clientId, message.seq, message.sender === this.visitor.user, atMs);
  }
}
