/** The core as one machine: `handle(input, now)` gives the effects, `deadline()` the next moment to `tick`. */

import type { ErrorShape } from "../errors.js";
import type { HistoryPage, OpenedRoom, Presence, ServerEvent, UserId, Welcome } from "../wire.js";
import { Connection, type Session } from "./connection.js";
import { Outbox } from "./outbox.js";
import { Rooms } from "./rooms.js";
import type { Context, CoreConfig, Effect, HubEvent, Input } from "./types.js";

/** People watched by one connection; the server's bound. */
const WATCHED_MAX = 500;
const WATCH_EVERY = 100;

export class Engine {
  readonly #effects: Effect[] = [];
  readonly #connection: Connection;
  readonly rooms: Rooms;
  readonly outbox: Outbox;
  readonly presence = new Map<UserId, Presence>();
  readonly #ctx: { now: number } & Context;
  #watched: readonly UserId[] = [];
  #watchAt: number | undefined;

  constructor(config: CoreConfig) {
    const effects = this.#effects;
    this.#ctx = {
      now: 0,
      config,
      effect: (effect) => void effects.push(effect),
      emit: (event) => void effects.push({ type: "emit", event }),
      request: (name, fields, done, options) =>
        this.#connection.request(name, fields, done, options),
    };
    this.rooms = new Rooms(this.#ctx);
    this.outbox = new Outbox(this.#ctx);
    const session: Session = {
      resume: (bytes) => this.rooms.resume(bytes),
      welcomed: (welcome, resumed) => this.#welcomed(welcome, resumed),
      event: (event) => this.#event(event),
      turned: (live) => this.#turned(live),
    };
    this.#connection = new Connection(this.#ctx, session);
  }

  get state() {
    return this.#connection.state();
  }

  /** Takes an input; gives what is to be done, in order. */
  handle(input: Input, now: number): Effect[] {
    this.#ctx.now = now;
    this.#take(input);
    this.rooms.flush();
    return this.#effects.splice(0);
  }

  /** When to `tick`, on the scale of `now`. */
  deadline(): number | undefined {
    const parts = [this.#connection, this.rooms, this.outbox].map((part) => part.deadline());
    const moments = [...parts, this.#watchAt].filter((moment) => moment !== undefined);
    return moments.length > 0 ? Math.min(...moments) : undefined;
  }

  #take(input: Input): void {
    const connection = this.#connection;
    switch (input.type) {
      case "start":
        return connection.start();
      case "stop":
        return connection.stop(input.code, input.reason);
      case "opened":
        return connection.opened(input.socket);
      case "frame":
        return connection.frame(input.socket, input.text);
      case "disconnected":
        return connection.disconnected(input.socket, input.code, input.reason);
      case "token":
        return connection.token(input.token);
      case "no_token":
        return connection.noToken(input.final, input.reason);
      case "network":
        return connection.network(input.online);
      case "wake":
        return connection.wake();
      case "tick":
        return this.#tick();
      case "call":
        return this.#call(input.call, input.name, input.fields);
      case "restore":
        this.rooms.restore(input.chats);
        return input.entries.forEach((entry) => this.outbox.add(entry));
      case "send":
        return this.outbox.add(input.entry);
      case "retry":
        return this.outbox.retry(input.client_id);
      case "discard":
        return this.outbox.discard(input.client_id);
      case "read":
        return this.rooms.read(input.room, input.seq);
      case "watch":
        return this.#watch(input.users);
      case "more":
        return this.rooms.more((error) => this.#settle(input.call, {}, error));
    }
  }

  #tick(): void {
    this.#connection.tick();
    this.outbox.pump();
    this.rooms.tick();
    if (this.#watchAt !== undefined && this.#ctx.now >= this.#watchAt) this.#askPresence();
  }

  #welcomed(welcome: Welcome, resumed: ReadonlySet<string>): void {
    const { user, epoch } = welcome;
    const again = epoch === this.rooms.epoch && resumed.size > 0;
    const gaps = this.rooms.welcome(welcome, resumed);
    this.rooms.flush();
    this.#ctx.emit({ type: "welcome", user, epoch, resumed: again, gaps });
  }

  #turned(live: boolean): void {
    this.rooms.turned(live);
    this.outbox.turned(live);
    this.#watchAt = live && this.#watched.length > 0 ? this.#ctx.now : undefined;
    if (!live)
      for (const user of this.presence.keys()) this.#told({ user, state: "unknown", version: 0 });
  }

  #event(event: ServerEvent): void {
    if (event.type === "presence") {
      if (this.#watched.includes(event.user)) this.#told(event);
      return;
    }
    if (!this.rooms.event(event)) return;
    this.#ctx.emit({ type: "event", event });
  }

  #call(call: string, name: string, fields: object): void {
    this.#ctx.request(name, fields, (ok, error) => {
      const { room } = fields as { room?: string };
      if (name === "history" && ok && room) {
        const page = ok as HistoryPage;
        this.rooms.opened(room, page.rev);
        this.rooms.typists(room, page.typing ?? []);
      } else if ((name === "open_direct" || name === "join") && ok) {
        const opened = ok as OpenedRoom;
        this.rooms.typists(opened.room, opened.typing ?? []);
      } else if (error?.code === "not_found" && name === "history" && room) this.rooms.remove(room);
      this.#settle(call, ok, error);
    });
  }

  #settle(call: string, ok: unknown, error?: ErrorShape): void {
    this.#ctx.effect(error ? { type: "settle", call, error } : { type: "settle", call, ok });
  }

  // ---------------------------------------------------------------------------------------- presence

  #watch(users: readonly UserId[]): void {
    this.#watched = [...new Set(users)].slice(-WATCHED_MAX);
    for (const user of this.presence.keys()) {
      if (!this.#watched.includes(user)) this.presence.delete(user);
    }
    if (this.#connection.live) this.#watchAt ??= this.#ctx.now + WATCH_EVERY;
  }

  #askPresence(): void {
    this.#watchAt = undefined;
    this.#ctx.request("watch", { users: this.#watched }, (ok, error) => {
      if (error?.retryable && this.#connection.live) this.#watchAt = this.#ctx.now + 2_000;
      if (!ok) return;
      for (const presence of (ok as { users: Presence[] }).users) this.#told(presence);
    });
  }

  /** Of two words about a user the one with the greater version is newer; `unknown` replaces any. */
  #told(presence: Presence): void {
    const known = this.presence.get(presence.user);
    const { state, version } = presence;
    if (state !== "unknown" && known && known.state !== "unknown" && version < known.version)
      return;
    this.presence.set(presence.user, presence);
    const event: HubEvent = { type: "event", event: { type: "presence", ...presence } };
    this.#ctx.emit(event);
  }
}
