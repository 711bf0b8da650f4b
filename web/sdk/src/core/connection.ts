/**
 * The connection's state machine: `idle → connecting → live → waiting → … → closed`. It opens sockets one
 * after the other, says `hello`, resumes, keeps the token fresh, notices a dead link, and carries requests
 * across reconnections until they are answered or time out.
 *
 * Invariants: at most one socket counts at a time (frames of others are ignored by their number); every
 * request is settled exactly once; at most `IN_FLIGHT_MAX` requests are under way, the others wait here.
 */

import type { ErrorShape } from "../errors.js";
import type { ServerEvent, Welcome } from "../wire.js";
import type { Context, Done, HubState, RequestOptions } from "./types.js";

/** From the opening of a socket to `welcome`, and for a token. */
const CONNECT_TIMEOUT = 15_000;
/** How long an answer to a probe may take. */
const PROBE_TIMEOUT = 5_000;
/** A connection that stood for so long was a good one: back-off begins anew. */
const GOOD_AFTER = 10_000;
const TOKEN_RETRY = 2_000;
const FRAME_BYTES = 65_536;
const IN_FLIGHT_MAX = 64;

interface Pending {
  readonly name: string;
  readonly fields: object;
  readonly done: Done;
  readonly deadline: number;
  readonly once: boolean;
  /** Under way on the present socket. */
  sent: boolean;
  notBefore: number;
  tries: number;
}

/** What the connection needs from the rest of the core. */
export interface Session {
  /** Where to go on: for `hello`, within so many bytes. */
  resume(bytes: number): { epoch: string; rooms: Record<string, number> } | undefined;
  welcomed(welcome: Welcome, resumed: ReadonlySet<string>): void;
  event(event: ServerEvent): void;
  /** Live, or no longer. */
  turned(live: boolean): void;
}

export const unavailable = (message: string): ErrorShape => ({
  code: "unavailable",
  message,
  retryable: true,
});

export class Connection {
  readonly #ctx: Context;
  readonly #session: Session;
  readonly #pending = new Map<number, Pending>();
  #phase: "idle" | "token" | "socket" | "hello" | "live" | "waiting" | "closed" = "idle";
  #next = 1;
  #socket = 0;
  #attempt = 0;
  #online = true;
  /** When the present phase is over: a time-out, or the end of waiting. */
  #due: number | undefined;
  #liveSince = 0;
  #heard = 0;
  #heartbeat = 25_000;
  #probing = false;
  /** A server asked to move at that time. */
  #moveAt: number | undefined;
  #token = "";
  #refused: string | undefined;
  #refreshing = false;
  #refreshAt: number | undefined;
  #hello = 0;
  #resumed: ReadonlySet<string> = new Set();
  #waiting: { code: number; reason: string; until: number } = { code: 0, reason: "", until: 0 };
  #closing = { code: 0, reason: "" };
  #frameBytes = FRAME_BYTES;
  #welcome: Welcome | undefined;

  constructor(ctx: Context, session: Session) {
    this.#ctx = ctx;
    this.#session = session;
  }

  get live(): boolean {
    return this.#phase === "live";
  }

  get closed(): boolean {
    return this.#phase === "closed";
  }

  /** As tabs see it. */
  state(): HubState {
    switch (this.#phase) {
      case "idle":
        return { state: "idle" };
      case "closed":
        return { state: "closed", ...this.#closing };
      case "waiting":
        return {
          state: "waiting",
          retryIn: Math.max(0, this.#waiting.until - this.#ctx.now),
          attempt: this.#attempt,
          code: this.#waiting.code,
          reason: this.#waiting.reason,
          offline: !this.#online,
        };
      case "live": {
        const { limits, rooms_total } = this.#welcome as Welcome;
        return { state: "live", limits, rooms_total };
      }
      default:
        return { state: "connecting", attempt: this.#attempt };
    }
  }

  start(): void {
    if (this.#phase !== "idle" && this.#phase !== "closed") return;
    this.#attempt = 0;
    this.#refused = undefined;
    this.#connect();
  }

  stop(code: number, reason: string): void {
    if (this.#phase === "closed") return;
    this.#drop(1000);
    this.#close(code, reason);
  }

  network(online: boolean): void {
    this.#online = online;
    if (online) this.wake();
    else if (this.#phase === "waiting") this.#tell();
    else this.#probe();
  }

  /** Something changed for the better, perhaps: look at once. */
  wake(): void {
    if (this.#phase === "waiting") {
      this.#attempt = Math.min(this.#attempt, 1);
      this.#connect();
    } else this.#probe();
  }

  opened(socket: number): void {
    if (socket !== this.#socket || this.#phase !== "socket") return;
    this.#phase = "hello";
    const resume = this.#session.resume(this.#frameBytes - this.#token.length - 1024);
    this.#resumed = new Set(Object.keys(resume?.rooms ?? {}));
    this.#hello = this.#next++;
    const hello = { id: this.#hello, type: "hello", token: this.#token, heartbeat: true };
    this.#transmit(resume ? { ...hello, resume } : hello);
  }

  disconnected(socket: number, code: number, reason: string): void {
    if (socket !== this.#socket || socket === 0) return;
    this.#gone(code, reason);
  }

  frame(socket: number, text: string): void {
    if (socket !== this.#socket || socket === 0) return;
    this.#heard = this.#ctx.now;
    this.#probing = false;
    let frame: { re?: unknown; ok?: unknown; error?: ErrorShape; type?: unknown; id?: unknown };
    try {
      frame = JSON.parse(text) as typeof frame;
    } catch {
      return;
    }
    if (typeof frame !== "object" || frame === null) return;
    if (typeof frame.re === "number") this.#answered(frame.re, frame.ok, frame.error);
    else if (typeof frame.type === "string" && this.#phase === "live") {
      this.#event(frame as unknown as ServerEvent);
    }
  }

  token(token: string): void {
    if (this.#phase === "token") {
      if (token === this.#refused) {
        this.#close(4501, "the server refuses the token");
        return;
      }
      this.#token = token;
      this.#phase = "socket";
      this.#due = this.#ctx.now + CONNECT_TIMEOUT;
      this.#socket = this.#next++;
      this.#ctx.effect({ type: "open", socket: this.#socket });
    } else if (this.#refreshing) {
      this.#refreshing = false;
      this.#token = token;
      this.request("refresh", { token }, (_, error) => {
        if (error) this.#refreshAt = this.#ctx.now + TOKEN_RETRY;
      });
    }
  }

  noToken(final: boolean, reason: string): void {
    if (this.#phase === "token") {
      if (final) this.#close(4501, reason);
      else this.#wait(0, `no token: ${reason}`, 0);
    } else if (this.#refreshing) {
      this.#refreshing = false;
      // Without a newer token the server ends the connection in time, and says so.
      if (!final) this.#refreshAt = this.#ctx.now + TOKEN_RETRY;
    }
  }

  request(name: string, fields: object, done: Done, options: RequestOptions = {}): void {
    if (this.#phase === "closed") {
      done(undefined, { code: "closed", message: "the client is closed", retryable: false });
      return;
    }
    const deadline = this.#ctx.now + (options.timeout ?? this.#ctx.config.callTimeout);
    const once = options.once ?? false;
    const pending = { name, fields, done, deadline, once, sent: false, notBefore: 0, tries: 0 };
    this.#pending.set(this.#next++, pending);
    this.#pump();
  }

  /** The next moment at which `tick` has something to do. */
  deadline(): number | undefined {
    let at = Infinity;
    const consider = (moment: number | undefined) => {
      if (moment !== undefined) at = Math.min(at, moment);
    };
    consider(this.#due);
    if (this.live) {
      consider(this.#moveAt);
      consider(this.#refreshAt);
      consider(this.#silentAt());
    }
    for (const { sent, deadline, notBefore } of this.#pending.values()) {
      consider(deadline);
      if (!sent && this.live && notBefore > this.#ctx.now) consider(notBefore);
    }
    return at === Infinity ? undefined : at;
  }

  tick(): void {
    const { now } = this.#ctx;
    if (this.#due !== undefined && now >= this.#due) {
      if (this.#phase === "waiting") this.#connect();
      else {
        this.#drop(1000);
        this.#wait(1006, "no answer in time", 0);
      }
    }
    if (this.live && this.#moveAt !== undefined && now >= this.#moveAt) {
      this.#drop(1000);
      this.#lose();
      this.#attempt = 0;
      this.#connect();
    }
    if (this.live && this.#refreshAt !== undefined && now >= this.#refreshAt) this.#refresh();
    if (this.live && now >= this.#silentAt()) {
      if (this.#probing) {
        this.#drop(1000);
        this.#gone(1006, "the server fell silent");
      } else this.#probe();
    }
    for (const [id, { deadline, done, name }] of this.#pending) {
      if (now < deadline) continue;
      this.#pending.delete(id);
      done(undefined, unavailable(`no answer to ${name} in time`));
    }
    this.#pump();
  }

  #silentAt(): number {
    return this.#heard + (this.#probing ? PROBE_TIMEOUT : this.#heartbeat + PROBE_TIMEOUT);
  }

  /** Is the link alive? Anything that comes answers the question. */
  #probe(): void {
    if (!this.live || this.#probing) return;
    this.#probing = true;
    this.#heard = this.#ctx.now;
    this.#transmit({ id: this.#next++, type: "ping" });
  }

  #connect(): void {
    this.#phase = "token";
    this.#due = this.#ctx.now + CONNECT_TIMEOUT;
    this.#waiting.until = 0;
    this.#tell();
    this.#ctx.effect({
      type: "token",
      reason: this.#refused === undefined ? "connect" : "refused",
    });
  }

  #refresh(): void {
    this.#refreshAt = undefined;
    if (this.#refreshing) return;
    this.#refreshing = true;
    this.#ctx.effect({ type: "token", reason: "expiring" });
  }

  #answered(id: number, ok: unknown, error: ErrorShape | undefined): void {
    if (id === this.#hello && this.#phase === "hello") {
      if (error) this.#waiting.until = this.#ctx.now + (error.retry_after_ms ?? 0);
      else this.#welcomed(ok as Welcome);
      return;
    }
    const pending = this.#pending.get(id);
    if (!pending) return;
    const { now, config } = this.#ctx;
    if (error?.retryable && !pending.once) {
      const backoff = Math.min(5_000, 500 * 2 ** pending.tries++) * config.random();
      const notBefore = now + (error.retry_after_ms ?? backoff);
      if (notBefore < pending.deadline) {
        pending.sent = false;
        pending.notBefore = notBefore;
        return;
      }
    }
    this.#pending.delete(id);
    pending.done(ok, error);
    this.#pump();
  }

  #welcomed(welcome: Welcome): void {
    const { now } = this.#ctx;
    this.#welcome = welcome;
    this.#phase = "live";
    this.#due = undefined;
    this.#refused = undefined;
    this.#liveSince = now;
    this.#heartbeat = welcome.heartbeat_ms;
    this.#frameBytes = welcome.limits.frame_bytes;
    this.#tell();
    this.#session.welcomed(welcome, this.#resumed);
    this.#session.turned(true);
    this.#pump();
  }

  #event(event: ServerEvent): void {
    switch (event.type as string) {
      case "ping":
        this.#transmit({ id: this.#next++, type: "ping" });
        return;
      case "moving":
        this.#moveAt = this.#ctx.now + (event as { after_ms: number }).after_ms;
        break;
      case "expiring":
        this.#refresh();
        break;
    }
    this.#session.event(event);
  }

  /** The socket is gone: what was under way is asked again on the next one. */
  #gone(code: number, reason: string): void {
    const { now } = this.#ctx;
    this.#socket = 0;
    if (this.live && now - this.#liveSince >= GOOD_AFTER) this.#attempt = 0;
    this.#lose();
    if (code === 4501) {
      const again = this.#refused !== undefined;
      this.#refused = this.#token;
      if (again) this.#close(code, reason);
      else this.#connect();
    } else if (code >= 4500 && code <= 4999) this.#close(code, reason);
    else this.#wait(code, reason, this.#waiting.until - now);
  }

  /** Live no longer. */
  #lose(): void {
    this.#moveAt = this.#refreshAt = this.#due = undefined;
    this.#refreshing = this.#probing = false;
    const was = this.live;
    this.#phase = "idle";
    if (was) this.#session.turned(false);
    for (const [id, pending] of this.#pending) {
      if (pending.once && pending.sent) {
        this.#pending.delete(id);
        pending.done(undefined, unavailable("the connection broke"));
      } else pending.sent = false;
    }
  }

  #wait(code: number, reason: string, floor: number): void {
    const { now, config } = this.#ctx;
    const cap = Math.min(config.backoffMax, config.backoffMin * 2 ** this.#attempt);
    // These two ask for a delay, not only for a random one.
    const least = code === 4003 || code === 4009 ? config.backoffMin : 0;
    const delay = Math.max(floor, least + cap * config.random());
    this.#attempt++;
    this.#phase = "waiting";
    this.#waiting = { code, reason, until: now + delay };
    this.#due = now + delay;
    this.#tell();
  }

  #close(code: number, reason: string): void {
    this.#socket = 0;
    this.#lose();
    this.#phase = "closed";
    this.#closing = { code, reason };
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { done } of pending) {
      done(undefined, { code: "closed", message: reason, retryable: false });
    }
    this.#tell();
  }

  /** Ends the present socket; what it still says is not heard. */
  #drop(code: number): void {
    if (this.#socket) this.#ctx.effect({ type: "disconnect", socket: this.#socket, code });
    this.#socket = 0;
  }

  #tell(): void {
    this.#ctx.emit({ type: "state", state: this.state() });
  }

  #transmit(frame: object): void {
    this.#ctx.effect({ type: "transmit", socket: this.#socket, text: JSON.stringify(frame) });
  }

  /** Sends what may be sent, in the order it was asked for. */
  #pump(): void {
    if (!this.live) return;
    let flying = 0;
    for (const pending of this.#pending.values()) if (pending.sent) flying++;
    for (const [id, pending] of this.#pending) {
      if (flying >= IN_FLIGHT_MAX) return;
      if (pending.sent || pending.notBefore > this.#ctx.now) continue;
      const text = JSON.stringify({ id, type: pending.name, ...pending.fields });
      if (longerThan(text, this.#frameBytes)) {
        this.#pending.delete(id);
        const message = `the request has more than ${this.#frameBytes} bytes`;
        pending.done(undefined, { code: "too_large", message, retryable: false });
        continue;
      }
      pending.sent = true;
      flying++;
      this.#ctx.effect({ type: "transmit", socket: this.#socket, text });
    }
  }
}

/** Whether the text has more bytes in UTF-8; a longer frame would end the connection. */
function longerThan(text: string, bytes: number): boolean {
  return text.length * 3 > bytes && new TextEncoder().encode(text).length > bytes;
}
