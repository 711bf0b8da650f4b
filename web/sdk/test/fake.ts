/**
 * A server in memory that keeps the protocol's promises, behind a network that keeps none: it delays, cuts
 * connections in the middle of anything, says durable events twice, and lets answers overtake events.
 */

import type { WebSocketConstructor, WebSocketLike } from "../src/index.js";
import type { Body, Message, ServerEvent } from "../src/wire.js";

type Json = Record<string, unknown>;
type Durable = Extract<ServerEvent, { type: "message" | "edited" | "deleted" | "reacted" }>;

export interface Faults {
  /** Milliseconds that a frame takes, drawn per frame; order within a direction is kept. */
  delay: () => number;
  /** Whether the connection breaks now; asked for at every frame. */
  cut: () => boolean;
  /** Whether a durable event is said a second time. */
  twice: () => boolean;
  /** Whether an answer goes before the events that wait. */
  overtake: () => boolean;
  /** How long an answer is held back after it was worked out: events overtake it. */
  hold: () => number;
}

export const NO_FAULTS: Faults = {
  delay: () => 0,
  cut: () => false,
  twice: () => false,
  overtake: () => false,
  hold: () => 0,
};

/** A generator of pseudorandom numbers: the same seed gives the same run. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export class FakeRoom {
  readonly messages: Message[] = [];
  readonly changes: Durable[] = [];
  readonly members = new Set<string>();
  readonly read = new Map<string, number>();
  rev = 0;

  constructor(
    readonly world: FakeWorld,
    readonly room: string,
  ) {}

  get seq(): number {
    return this.messages.length;
  }

  post(sender: string, client_id: string, body: Body): { message: Message; duplicate: boolean } {
    const known = this.messages.find((m) => m.sender === sender && m.client_id === client_id);
    if (known) return { message: known, duplicate: true };
    const at = new Date(1_700_000_000_000 + this.world.tick++ * 1000).toISOString();
    const [seq, rev] = [this.seq + 1, ++this.rev];
    const message = {
      room: this.room,
      seq,
      rev,
      message_id: `m-${this.room}-${seq}`,
      sender,
      client_id,
    };
    this.messages.push({ ...message, created_at: at, body });
    this.read.set(sender, seq);
    this.change({ type: "message", ...message, created_at: at, body });
    return { message: this.messages[seq - 1] as Message, duplicate: false };
  }

  /** A stored message keeps the revision of its posting: only the change has the new one. */
  edit(seq: number, body: Body): void {
    const at = new Date(1_700_000_000_000 + this.world.tick++ * 1000).toISOString();
    const message = this.messages[seq - 1] as Message;
    if (message.deleted) return;
    this.rev++;
    this.messages[seq - 1] = { ...message, body, edited_at: at };
    this.change({ type: "edited", room: this.room, rev: this.rev, seq, body, at });
  }

  remove(seq: number): void {
    const at = new Date(1_700_000_000_000 + this.world.tick++ * 1000).toISOString();
    const { body: _, reactions: __, ...message } = this.messages[seq - 1] as Message;
    if (message.deleted) return;
    this.rev++;
    this.messages[seq - 1] = { ...message, deleted: true };
    this.change({ type: "deleted", room: this.room, rev: this.rev, seq, by: message.sender, at });
  }

  react(seq: number, user: string, emoji: string, on: boolean): void {
    const message = this.messages[seq - 1] as Message;
    if (message.deleted) return;
    const others = (message.reactions ?? []).filter((r) => r.user !== user || r.emoji !== emoji);
    const reactions = on ? [...others, { user, emoji }] : others;
    this.rev++;
    this.messages[seq - 1] = { ...message, reactions };
    this.change({ type: "reacted", room: this.room, rev: this.rev, seq, user, emoji, on });
  }

  /** What the server counts for a user. */
  counts(user: string): { last_read_seq: number; unread: number; mentions: number } {
    const last_read_seq = this.read.get(user) ?? 0;
    const unread = this.messages.filter(
      (m) => m.seq > last_read_seq && m.sender !== user && m.body,
    );
    const mentions = unread.filter((m) => m.body?.mentions?.includes(user)).length;
    return { last_read_seq, unread: unread.length, mentions };
  }

  change(event: Durable): void {
    this.changes.push(event);
    for (const socket of this.world.sockets) socket.follow(this);
  }
}

export class FakeWorld {
  readonly rooms = new Map<string, FakeRoom>();
  readonly sockets = new Set<FakeSocket>();
  readonly heard: { user: string; frame: Json }[] = [];
  faults: Faults = NO_FAULTS;
  epoch = "e1";
  tick = 0;
  opened = 0;
  /** Changes that can still be resumed from. */
  kept = 1_000;
  /** Rooms that lost nothing to the new epoch go on in it. */
  survived = new Set<string>();
  hello: Json = {};
  /** Answers to be given instead: by command name. */
  refuse: (user: string, frame: Json) => Json | undefined = () => undefined;
  /** What a token means; undefined is refused. */
  userOf: (token: string) => string | undefined = (token) => token;
  down = false;

  room(name: string, ...members: string[]): FakeRoom {
    const room = this.rooms.get(name) ?? new FakeRoom(this, name);
    this.rooms.set(name, room);
    for (const member of members) room.members.add(member);
    return room;
  }

  of(user: string): FakeSocket[] {
    return [...this.sockets].filter((socket) => socket.user === user);
  }

  tell(user: string, event: Json): void {
    for (const socket of this.of(user)) socket.say(event);
  }

  cutAll(code = 1006): void {
    for (const socket of [...this.sockets]) socket.cut(code);
  }

  websocket(): WebSocketConstructor {
    return socketOf(this);
  }
}

const socketOf = (world: FakeWorld): WebSocketConstructor =>
  class extends FakeSocket {
    constructor() {
      super(world);
    }
  };

export class FakeSocket implements WebSocketLike {
  readyState = 0;
  bufferedAmount = 0;
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  user: string | undefined;
  readonly #world: FakeWorld;
  #gone = false;
  /** The last revision told, of each room that is followed. */
  readonly #followed = new Map<string, number>();
  #out: { frame: Json; at: number }[] = [];
  #in: { frame: Json; at: number }[] = [];

  constructor(world: FakeWorld) {
    this.#world = world;
    world.opened++;
    setTimeout(() => {
      if (this.#gone) return;
      if (world.down) return this.cut(1006);
      this.readyState = 1;
      world.sockets.add(this);
      this.onopen?.({} as never);
    }, world.faults.delay());
  }

  send(text: string): void {
    if (this.#gone) return;
    if (this.#world.faults.cut()) return this.cut(1006);
    const frame = JSON.parse(text) as Json;
    this.#in.push({ frame, at: 0 });
    setTimeout(() => {
      const next = this.#in.shift();
      if (next && !this.#gone) this.#take(next.frame);
    }, this.#world.faults.delay());
  }

  close(code = 1000): void {
    this.#end();
    void code;
  }

  /** The connection ends, as the client sees it. */
  cut(code: number, reason = ""): void {
    if (this.#gone) return;
    this.#end();
    setTimeout(() => this.onclose?.({ code, reason } as never), 0);
  }

  say(frame: Json): void {
    this.#push(frame, false);
  }

  follow(room: FakeRoom): void {
    const from = this.#followed.get(room.room);
    if (from === undefined) return;
    for (const change of room.changes.filter(({ rev }) => rev > from)) {
      this.say(change as unknown as Json);
      if (this.#world.faults.twice()) this.say(change as unknown as Json);
    }
    this.#followed.set(room.room, room.rev);
  }

  /** Too many rooms: this one is given up, until its history is asked for. */
  unfollow(room: string): void {
    this.#followed.delete(room);
    this.say({ type: "unfollowed", room });
  }

  #end(): void {
    this.#gone = true;
    this.readyState = 3;
    this.#world.sockets.delete(this);
  }

  #push(frame: Json, overtakes: boolean): void {
    if (this.#gone) return;
    if (overtakes) this.#out.unshift({ frame, at: 0 });
    else this.#out.push({ frame, at: 0 });
    setTimeout(() => {
      const next = this.#out.shift();
      if (!next || this.#gone) return;
      if (this.#world.faults.cut()) return this.cut(1006);
      this.onmessage?.({ data: JSON.stringify(next.frame) } as never);
    }, this.#world.faults.delay());
  }

  #answer(re: unknown, ok: Json): void {
    const hold = this.#world.faults.hold();
    const push = () => this.#push({ re, ok }, this.#world.faults.overtake());
    if (hold > 0) setTimeout(push, hold);
    else push();
  }

  #take(frame: Json): void {
    const { id, type } = frame;
    const world = this.#world;
    if (type === "hello") return this.#hello(frame);
    const user = this.user as string;
    world.heard.push({ user, frame });
    const refused = world.refuse(user, frame);
    if (refused) return this.#push({ re: id, error: refused }, false);
    const room = world.rooms.get(frame["room"] as string);
    if (frame["room"] && !room?.members.has(user)) {
      const error = { code: "not_found", message: "no such room", retryable: false };
      return this.#push({ re: id, error }, false);
    }
    switch (type) {
      case "send": {
        const { client_id, body } = frame as unknown as { client_id: string; body: Body };
        const { message, duplicate } = (room as FakeRoom).post(user, client_id, body);
        const { seq, rev, message_id, created_at } = message;
        return this.#answer(id, { seq, rev, message_id, created_at, duplicate });
      }
      case "history":
        if (room && !this.#followed.has(room.room)) this.#followed.set(room.room, room.rev);
        return this.#answer(id, this.#history(room as FakeRoom, frame));
      case "read": {
        const { read, seq, rev } = room as FakeRoom;
        read.set(user, Math.max(read.get(user) ?? 0, frame["seq"] as number));
        return this.#answer(id, { ...(room as FakeRoom).counts(user), seq, rev });
      }
      case "chats": {
        const chats = [...world.rooms.values()]
          .filter(({ members }) => members.has(user))
          .map((each) => ({
            ...this.#welcomeRoom(each),
            member_count: each.members.size,
            created_at: "2023-11-14T00:00:00Z",
            active_at: each.messages.at(-1)?.created_at ?? "2023-11-14T00:00:00Z",
            last_message: each.messages.at(-1),
          }));
        return this.#answer(id, { chats: frame["pinned"] ? [] : chats });
      }
      case "receipts":
        return this.#answer(id, { sender: user, sent: [], delivered: [], read: [] });
      case "watch": {
        const users = (frame["users"] as string[]).map((each) => ({
          user: each,
          state: "online",
          version: 1,
        }));
        return this.#answer(id, { users });
      }
      default:
        return this.#answer(id, {});
    }
  }

  #hello({ id, token, resume }: Json): void {
    const world = this.#world;
    const user = world.userOf(token as string);
    if (user === undefined) return this.cut(4501, "no valid token");
    this.user = user;
    const rooms = [...world.rooms.values()].filter(({ members }) => members.has(user));
    const seen = resume as { epoch: string; rooms: Record<string, number> } | undefined;
    const starts = rooms.map((room) => {
      const from = seen?.rooms[room.room];
      const holds = seen?.epoch === world.epoch || world.survived.has(room.room);
      const reset =
        from !== undefined && (!holds || from > room.rev || room.rev - from > world.kept);
      return { room, from, reset };
    });
    const welcome = {
      ...{ session: "s", user, epoch: world.epoch, expires_at: "2030-01-01T00:00:00Z" },
      heartbeat_ms: 25_000,
      limits: {
        ...{
          text_chars: 4000,
          frame_bytes: 65_536,
          sends_per_second: 10,
          sends_burst: 20,
          page: 100,
        },
      },
      rooms: starts.map(({ room, reset }) => ({
        ...this.#welcomeRoom(room),
        ...(reset ? { reset } : {}),
      })),
      rooms_total: rooms.length,
      ...world.hello,
    };
    this.#push({ re: id, ok: welcome }, false);
    for (const { room, from, reset } of starts) {
      this.#followed.set(room.room, room.rev);
      if (reset) {
        const { messages } = this.#history(room, {}) as unknown as { messages: Message[] };
        const page = { messages, has_more: room.seq > messages.length };
        this.say({ type: "reset", room: room.room, epoch: world.epoch, rev: room.rev, ...page });
      } else if (from !== undefined) {
        this.#followed.set(room.room, from);
        this.follow(room);
      }
    }
  }

  #welcomeRoom(room: FakeRoom): Json {
    const { seq, rev } = room;
    const flags = { state: "open", role: "member", pinned: false, muted: false };
    return {
      room: room.room,
      kind: "group",
      name: room.room,
      ...flags,
      seq,
      rev,
      ...room.counts(this.user as string),
    };
  }

  #history(room: FakeRoom, frame: Json): Json {
    const limit = (frame["limit"] as number | undefined) ?? 30;
    const { before_seq, after_seq, around_seq, before_time } = frame as Record<
      string,
      number | undefined
    >;
    const all = room.messages;
    let [from, to] = [Math.max(0, all.length - limit), all.length];
    if (before_seq !== undefined)
      [from, to] = [Math.max(0, before_seq - 1 - limit), before_seq - 1];
    else if (after_seq !== undefined)
      [from, to] = [after_seq, Math.min(all.length, after_seq + limit)];
    else if (around_seq !== undefined) {
      from = Math.max(0, around_seq - 1 - Math.floor(limit / 2));
      to = Math.min(all.length, from + limit);
    } else if (before_time !== undefined) {
      to = all.filter(({ created_at }) => created_at < String(before_time)).length;
      from = Math.max(0, to - limit);
    }
    const has_more = after_seq === undefined ? from > 0 : to < all.length;
    const head = { seq: room.seq, rev: room.rev, epoch: this.#world.epoch };
    return { messages: all.slice(from, to), has_more, has_newer: to < all.length, ...head };
  }
}
