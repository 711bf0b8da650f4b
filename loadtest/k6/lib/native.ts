// A careful client of the native door (docs/protocol.md, part 1): it comes back by itself and resumes,
// moves when it is asked to, and sends again, under the same id, what was not acknowledged.

import { setTimeout } from 'k6/timers';
import { WebSocket } from 'k6/websockets';

import { token } from './auth.ts';
import type { DoorClient, Visitor } from './door.ts';
import { socketUrl } from './env.ts';
import { Ledger, type Outgoing } from './ledger.ts';
import * as metrics from './metrics.ts';
import { pauseMs, sleepMs } from './wait.ts';

const DOOR = 'native';
/** Codes from here on say not to come back (docs/protocol.md, close codes). */
const FINAL_CODES = 4500;
/** The pause before something that was refused for the moment is sent again, unless the answer says. */
const RETRY_MS = 250;
/** `readyState` before the handshake is over. */
const CONNECTING = 0;

interface MessageView {
  room: string;
  seq: number;
  rev: number;
  sender: string;
  client_id: string;
  body?: { text?: string };
}

interface RoomStanding {
  room: string;
  rev: number;
}

interface Welcome {
  epoch: string;
  rooms: RoomStanding[];
}

export interface ErrorView {
  code: string;
  message: string;
  retryable: boolean;
  retry_after_ms?: number;
}

interface Frame {
  re?: number | null;
  ok?: unknown;
  error?: ErrorView;
  type?: string;
  room?: string;
  rev?: number;
  after_ms?: number;
  messages?: MessageView[];
}

/** What k6 gives its listeners; its types know less than it does. */
interface SocketEvent {
  data: string;
  timestamp: number;
  code?: number;
}

type Answer = (frame: Frame, atMs: number) => void;

/** A request that was refused, or whose connection ended before the answer. */
export class Refused extends Error {
  readonly error: ErrorView;

  constructor(error: ErrorView) {
    super(`${error.code}: ${error.message}`);
    this.error = error;
  }
}

const BROKEN: ErrorView = { code: 'unavailable', message: 'the connection ended', retryable: true };

export class NativeClient implements DoorClient {
  readonly ledger = new Ledger(DOOR);
  reconnects = 0;
  private readonly visitor: Visitor;
  private turn: number;
  private socket: WebSocket | undefined;
  private readonly answers = new Map<number, Answer>();
  private nextId = 1;
  private epoch: string | undefined;
  /** Welcomed, and not on the way out. */
  private live = false;
  private welcomedHere = false;
  private moving = false;
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

  join(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.joined = { resolve, reject };
      this.begunMs = Date.now();
      this.open();
    });
  }

  send(room: string, clientId: string, text: string, dueMs: number): void {
    const message: Outgoing = { room, clientId, text, dueMs };
    this.ledger.sends(message);
    if (this.live) this.submit(message);
  }

  async enter(room: string): Promise<void> {
    await this.ask('join', { room });
  }

  async head(room: string): Promise<number> {
    const page = await this.ask<{ rev: number }>('history', { room, limit: 1 });
    return page.rev;
  }

  get isLive(): boolean {
    return this.live;
  }

  /** Lets the connection go, as if it had broken. It comes back by itself. */
  breakOff(): void {
    // A socket that is closing takes nothing more.
    this.live = false;
    this.socket?.close();
  }

  leave(): Promise<void> {
    return new Promise((resolve) => {
      this.leaving = true;
      if (!this.socket) return resolve();
      this.left = resolve;
      // One that is still connecting is closed once it is open: k6 would wait for ever otherwise.
      if ((this.socket.readyState as number) !== CONNECTING) this.breakOff();
    });
  }

  /** Asks once. */
  call<T>(type: string, fields: object): Promise<T> {
    return new Promise((resolve, reject) => {
      if (!this.live) return reject(new Refused(BROKEN));
      this.request(type, fields, (frame) => {
        if (frame.error) reject(new Refused(frame.error));
        else resolve(frame.ok as T);
      });
    });
  }

  /** Asks until there is an answer that trying again would not change. For what may be repeated. */
  async ask<T>(type: string, fields: object): Promise<T> {
    for (;;) {
      try {
        return await this.call<T>(type, fields);
      } catch (error) {
        if (!(error instanceof Refused) || !error.error.retryable || this.leaving) throw error;
        await sleepMs(error.error.retry_after_ms ?? RETRY_MS);
      }
    }
  }

  private open(): void {
    const { user, urls } = this.visitor;
    const url = urls[this.turn % urls.length] as string;
    this.turn += 1;
    const params = { headers: { Authorization: `Bearer ${token(user)}` }, tags: { door: DOOR, name: 'connect' } };
    const socket = new WebSocket(`${socketUrl(url)}/v1/connect`, ['hubbub.v1+json'] as unknown as null, params);
    this.socket = socket;
    const listen = (name: string, listener: (event: SocketEvent) => void): void => {
      (socket.addEventListener as unknown as (name: string, listener: (event: SocketEvent) => void) => void)(
        name,
        listener,
      );
    };
    listen('open', () => (this.leaving ? this.breakOff() : this.greet()));
    listen('message', (event) => this.hear(JSON.parse(event.data) as Frame, event.timestamp));
    // Told again by `close`, which always follows. Without a listener k6 would log every one.
    listen('error', () => undefined);
    listen('close', (event) => this.ended(event.code ?? 0));
  }

  private greet(): void {
    const resume = this.epoch === undefined ? {} : { resume: { epoch: this.epoch, rooms: this.ledger.known() } };
    this.request('hello', resume, (frame, atMs) => {
      if (frame.error) this.breakOff();
      else this.welcomed(frame.ok as Welcome, atMs);
    });
  }

  private welcomed(welcome: Welcome, atMs: number): void {
    this.live = true;
    this.welcomedHere = true;
    this.failures = 0;
    this.epoch = welcome.epoch;
    for (const standing of welcome.rooms) this.ledger.begins(standing.room, standing.rev);
    if (this.joined) {
      metrics.connectMs.add(atMs - this.begunMs, { door: DOOR });
      this.joined.resolve();
      this.joined = undefined;
    } else {
      metrics.absentMs.add(atMs - this.absentSinceMs, { door: DOOR });
    }
    for (const message of this.ledger.unacked.values()) this.submit(message);
  }

  private ended(code: number): void {
    const wasLive = this.welcomedHere;
    this.live = false;
    this.welcomedHere = false;
    this.socket = undefined;
    const unanswered = [...this.answers.values()];
    this.answers.clear();
    for (const answer of unanswered) answer({ error: BROKEN }, Date.now());
    if (this.leaving) return this.left?.();
    if (code >= FINAL_CODES && code < 5000) return this.dismissed(code);
    if (wasLive) {
      this.reconnects += 1;
      metrics.reconnects.add(1, { door: DOOR });
      this.absentSinceMs = Date.now();
    } else {
      metrics.attemptsFailed.add(1, { door: DOOR, code: String(code) });
      this.failures += 1;
    }
    // Whoever was asked to move has waited already.
    const pause = wasLive && this.moving ? 0 : pauseMs(this.failures);
    this.moving = false;
    setTimeout(() => {
      if (this.leaving) this.left?.();
      else this.open();
    }, pause);
  }

  private dismissed(code: number): void {
    metrics.dismissed.add(1, { door: DOOR, code: String(code) });
    this.joined?.reject(new Error(`${this.visitor.user} was turned away with ${code}`));
    this.joined = undefined;
  }

  private request(type: string, fields: object, answer: Answer): void {
    const id = this.nextId++;
    this.answers.set(id, answer);
    this.socket?.send(JSON.stringify({ id, type, ...fields }));
  }

  private submit(message: Outgoing): void {
    const { room, clientId, text } = message;
    this.request('send', { room, client_id: clientId, body: { text } }, (frame, atMs) => {
      if (frame.ok) return this.ledger.acked(clientId, (frame.ok as { seq: number }).seq, atMs);
      const error = frame.error as ErrorView;
      if (!error.retryable) {
        console.error(`a message was refused: ${error.code}: ${error.message}`);
        return this.ledger.refuses(clientId);
      }
      // After the end of a connection everything unacknowledged is sent again with the next welcome.
      if (error === BROKEN) return undefined;
      metrics.resent.add(1, { door: DOOR });
      setTimeout(() => {
        if (this.live && this.ledger.unacked.has(clientId)) this.submit(message);
      }, error.retry_after_ms ?? RETRY_MS);
      return undefined;
    });
  }

  private hear(frame: Frame, atMs: number): void {
    if (frame.re !== undefined && frame.re !== null) {
      const answer = this.answers.get(frame.re);
      this.answers.delete(frame.re);
      answer?.(frame, atMs);
      return;
    }
    const room = frame.room ?? '';
    switch (frame.type) {
      case 'message':
        this.ledger.changes(room, frame.rev as number);
        this.sees(frame as unknown as MessageView, atMs);
        break;
      case 'edited':
      case 'deleted':
      case 'reacted':
        this.ledger.changes(room, frame.rev as number);
        break;
      case 'joined':
        this.ledger.begins(room, frame.rev as number);
        break;
      case 'left':
        this.ledger.leaves(room);
        break;
      case 'reset': {
        const before = this.ledger.place(room);
        this.ledger.resets(room, frame.rev as number);
        for (const message of frame.messages ?? []) if (message.rev > before) this.sees(message, atMs);
        break;
      }
      case 'moving':
        this.moves(frame.after_ms ?? 0);
        break;
      case 'expiring':
        this.refresh();
        break;
      default:
    }
  }

  private sees(message: MessageView, atMs: number): void {
    if (!message.body) return;
    this.ledger.sees(message.client_id, message.seq, message.sender === this.visitor.user, atMs);
  }

  private moves(afterMs: number): void {
    const asked = this.socket;
    this.moving = true;
    setTimeout(() => {
      if (this.socket === asked) this.breakOff();
    }, afterMs);
  }

  private refresh(): void {
    this.ask('refresh', { token: token(this.visitor.user) }).catch((error: Error) => {
      console.error(`${this.visitor.user} could not renew the token: ${error.message}`);
    });
  }
}
