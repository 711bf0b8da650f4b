/**
 * The chat list, kept exact by the rooms' own events.
 *
 * A count of the server holds at a revision (`base`). What comes after it is counted here, message by message;
 * an edit or a deletion that touches what lies before it cannot be judged from here, and has the server count
 * again (`read` of the present marker answers with the counts and their revision).
 *
 * Invariants: a durable event counts once, at its revision; a room's `rev` never goes back within an epoch.
 */

import type { Chat } from "../api.js";
import type { ErrorShape } from "../errors.js";
import type {
  Answer,
  ChatRecord,
  Message,
  Room,
  ServerEvent,
  Unread,
  UserId,
  Welcome,
  WelcomeRoom,
} from "../wire.js";
import { amended } from "./amended.js";
import type { Context } from "./types.js";

const CHATS_PAGE = 50;
/** `read` and a recount of one room are asked for at most so often. */
const READ_EVERY = 500;
const DELIVERED_EVERY = 1_000;
/** In rooms of many, the others are hardly told of it. */
const DELIVERED_EVERY_IN_GROUPS = 5_000;
/** The server ends it after 6 s; this is for when that word is lost. */
const TYPING_ENDS = 8_000;
/** About what `"<uuid>":<rev>,` takes. */
const RESUME_ENTRY_BYTES = 60;
const LIST_EVERY = 200;

interface Row {
  chat: Chat;
  /** Where the counts of the server hold. */
  base: { seq: number; rev: number; unread: number; mentions: number };
  /** Others' messages after `base.seq` and after the marker, and whether each mentions the user. */
  live: Map<number, boolean>;
  typing: Map<UserId, number>;
  /** When the next `read` of this room may go, if one is wanted. */
  readAt?: number;
  reading: boolean;
  told: number;
  deliveredAt?: number;
}

type Change<T> = { -readonly [K in keyof T]?: T[K] | undefined };

export class Rooms {
  readonly #ctx: Context;
  readonly #rows = new Map<string, Row>();
  /** Rooms whose events come, and the last revision of each. */
  readonly revs = new Map<string, number>();
  readonly #changed = new Set<string>();
  readonly #removed = new Set<string>();
  epoch = "";
  #user: UserId = "";
  #status: "empty" | "cached" | "live" = "empty";
  #total = 0;
  #cursor: string | undefined;
  #hasMore = false;
  #loaded = false;
  #live = false;
  #headTold = "";
  #listAt: number | undefined;
  /** Rooms with a moment to wait for: a list of thousands is not searched for them. */
  readonly #timed = new Set<string>();

  constructor(ctx: Context) {
    this.#ctx = ctx;
  }

  chats(): Chat[] {
    return [...this.#rows.values()].map((row) => row.chat);
  }

  chat(room: string): Chat | undefined {
    return this.#rows.get(room)?.chat;
  }

  head(): { status: "empty" | "cached" | "live"; total: number; hasMore: boolean } {
    const total = Math.max(this.#total, this.#rows.size);
    return { status: this.#status, total, hasMore: this.#hasMore };
  }

  /** What the store kept, for as long as no server has said more. */
  restore(chats: readonly Chat[]): void {
    if (this.#status !== "empty") return;
    this.#status = "cached";
    for (const chat of chats) this.#row({ ...chat, typing: [] });
  }

  resume(bytes: number): { epoch: string; rooms: Record<string, number> } | undefined {
    if (!this.epoch || this.revs.size === 0) return undefined;
    const active = [...this.revs].sort(([a], [b]) => {
      const [x, y] = [this.chat(a)?.active_at ?? "", this.chat(b)?.active_at ?? ""];
      return x < y ? 1 : x > y ? -1 : 0;
    });
    const most = Math.max(0, Math.floor(bytes / RESUME_ENTRY_BYTES));
    return { epoch: this.epoch, rooms: Object.fromEntries(active.slice(0, most)) };
  }

  /** Takes the welcome over; gives the rooms whose missed events do not come. */
  welcome(welcome: Welcome, resumed: ReadonlySet<string>): "all" | string[] {
    const [fresh, same] = [this.epoch === "", welcome.epoch === this.epoch];
    const before = new Map(this.revs);
    const gaps: string[] = [];
    this.#user = welcome.user;
    this.epoch = welcome.epoch;
    this.revs.clear();
    for (const room of welcome.rooms) {
      const seen = before.get(room.room);
      const known = resumed.has(room.room) || (same && seen === room.rev);
      const follows = known && seen !== undefined && !room.reset;
      // Of a resumed room the missed events come first; then it stands at the welcome's revision.
      this.revs.set(room.room, follows ? seen : room.rev);
      if (!follows && seen !== undefined) gaps.push(room.room);
      this.#upsert(room, !same || room.reset === true);
    }
    for (const room of before.keys()) if (!this.revs.has(room)) gaps.push(room);
    this.#total = welcome.rooms_total;
    if (welcome.rooms_total <= welcome.rooms.length) {
      for (const room of this.#rows.keys()) if (!this.revs.has(room)) this.remove(room);
    }
    this.#status = "live";
    if (!same || gaps.length > 0 || !this.#loaded) this.#reload();
    return fresh ? "all" : gaps;
  }

  turned(live: boolean): void {
    this.#live = live;
    if (live) return;
    for (const row of this.#rows.values()) {
      row.reading = false;
      if (row.typing.size > 0) {
        row.typing.clear();
        this.#typists(row);
      }
    }
  }

  /** False when the event has been heard before. */
  event(event: ServerEvent): boolean {
    switch (event.type) {
      case "message":
      case "edited":
      case "deleted":
      case "reacted":
        return this.#durable(event);
      case "reset":
        this.revs.set(event.room, event.rev);
        this.#reset(event.room, event.rev, event.messages.at(-1));
        break;
      case "epoch":
        this.epoch = event.epoch;
        break;
      case "joined":
        this.revs.set(event.room, event.rev);
        if (!this.#rows.has(event.room)) this.#total++;
        this.#upsert(event, false);
        this.#set(event.room, {
          active_at: this.chat(event.room)?.active_at ?? newest(this.chats()),
        });
        this.#reload();
        break;
      case "left":
        this.remove(event.room);
        break;
      case "unfollowed":
        this.revs.delete(event.room);
        break;
      case "role":
        this.#set(event.room, { role: event.role });
        break;
      case "room":
        this.#set(event.room, about(event));
        break;
      case "chat": {
        const { room, pinned, muted, last_read_seq } = event;
        this.#set(room, { pinned, muted });
        this.#advance(room, last_read_seq, true);
        break;
      }
      case "typing":
        this.#type(event.room, event.user, event.on);
        break;
      default:
    }
    return true;
  }

  remove(room: string): void {
    this.revs.delete(room);
    if (!this.#rows.delete(room)) return;
    this.#total = Math.max(0, this.#total - 1);
    this.#changed.delete(room);
    this.#removed.add(room);
  }

  /** The user has read up to `seq`, or all of it. */
  read(room: string, seq?: number): void {
    const row = this.#rows.get(room);
    if (!row) return;
    const wanted = Math.min(seq ?? row.chat.seq, row.chat.seq);
    if (wanted <= row.chat.last_read_seq) return;
    this.#advance(room, wanted, false);
    this.#recount(row);
  }

  /** History was asked for: the server says where the room stands, and follows it from there. */
  opened(room: string, rev: number): void {
    if (!this.revs.has(room)) this.revs.set(room, rev);
  }

  typists(room: string, users: readonly UserId[]): void {
    for (const user of users) this.#type(room, user, true);
  }

  more(done: (error?: ErrorShape) => void): void {
    if (!this.#hasMore) return done();
    const { epoch } = this;
    const fields = { limit: CHATS_PAGE, ...(this.#cursor ? { cursor: this.#cursor } : {}) };
    this.#ctx.request("chats", fields, (ok, error) => {
      if (ok && epoch === this.epoch) this.#page(ok as Answer<"chats">);
      done(error);
    });
  }

  deadline(): number | undefined {
    let at = (this.#live ? this.#listAt : undefined) ?? Infinity;
    for (const room of this.#timed) {
      const row = this.#rows.get(room);
      if (!row || (row.readAt ?? row.deliveredAt ?? row.typing.size) === 0) {
        this.#timed.delete(room);
        continue;
      }
      if (this.#live && !row.reading) at = Math.min(at, row.readAt ?? Infinity);
      if (this.#live) at = Math.min(at, row.deliveredAt ?? Infinity);
      for (const until of row.typing.values()) at = Math.min(at, until);
    }
    return at === Infinity ? undefined : at;
  }

  tick(): void {
    const { now } = this.#ctx;
    for (const room of this.#timed) {
      const row = this.#rows.get(room);
      if (!row) continue;
      if (this.#live && !row.reading && now >= (row.readAt ?? Infinity)) this.#askCounts(room, row);
      if (this.#live && now >= (row.deliveredAt ?? Infinity)) this.#deliver(room, row);
      for (const [user, until] of row.typing) if (now >= until) this.#type(room, user, false);
    }
    if (this.#live && this.#listAt !== undefined && now >= this.#listAt) {
      this.#listAt = undefined;
      this.#loadFirst();
    }
  }

  /** Tells the tabs what changed since the last time, and has it stored. */
  flush(): void {
    const head = this.head();
    const told = JSON.stringify(head);
    if (this.#changed.size + this.#removed.size === 0 && told === this.#headTold) return;
    this.#headTold = told;
    const changed = [...this.#changed].map((room) => (this.#rows.get(room) as Row).chat);
    const removed = [...this.#removed];
    this.#changed.clear();
    this.#removed.clear();
    this.#ctx.emit({ type: "rooms", changed, removed, ...head });
    if (this.#status !== "live") return;
    for (const value of changed) {
      this.#ctx.effect({ type: "store", table: "rooms", key: value.room, value });
    }
    for (const key of removed) this.#ctx.effect({ type: "store", table: "rooms", key });
  }

  // ------------------------------------------------------------------------------------ durable events

  #durable(
    event: Extract<ServerEvent, { type: "message" | "edited" | "deleted" | "reacted" }>,
  ): boolean {
    const { room, rev, seq } = event;
    const seen = this.revs.get(room);
    if (seen !== undefined && rev <= seen) return false;
    this.revs.set(room, rev);
    const row = this.#rows.get(room);
    if (!row) return true;
    const counts = rev > row.base.rev;
    if (event.type === "message") {
      this.#posted(row, event, counts);
      return true;
    }
    const { last_message: last, last_read_seq } = row.chat;
    if (last?.seq === seq) this.#set(room, { last_message: amended(last, event) });
    if (!counts || event.type === "reacted" || seq <= last_read_seq) return true;
    if (row.live.has(seq)) {
      if (event.type === "deleted") row.live.delete(seq);
      else row.live.set(seq, this.#mentioned(event.body?.mentions));
      this.#counted(row);
    } else if (seq <= row.base.seq) {
      this.#recount(row);
    }
    return true;
  }

  #posted(row: Row, { type: _, ...message }: { type: "message" } & Message, counts: boolean): void {
    const { room, seq, sender, body, created_at } = message;
    if (seq >= row.chat.seq) this.#set(room, { seq, last_message: message, active_at: created_at });
    if (row.typing.delete(sender)) this.#typists(row);
    if (sender === this.#user) {
      if (!message.system) this.#advance(room, seq, true);
      return;
    }
    if (seq <= row.chat.last_read_seq) return;
    this.#toDeliver(row);
    if (!body) return;
    if (counts) {
      row.live.set(seq, this.#mentioned(body.mentions));
      this.#counted(row);
    }
    this.#ctx.emit({ type: "unread", room, seq });
  }

  #reset(room: string, rev: number, last: Message | undefined): void {
    const row = this.#rows.get(room);
    if (!row) return;
    if (last) {
      this.#set(room, { seq: last.seq, last_message: last, active_at: last.created_at });
      this.#toDeliver(row);
    }
    if (rev !== row.base.rev) this.#recount(row);
  }

  #mentioned(users: readonly UserId[] | undefined): boolean {
    return users?.includes(this.#user) ?? false;
  }

  // ----------------------------------------------------------------------------------------- counting

  /** The marker stands at `seq` now. `certain`: the server says so. */
  #advance(room: string, seq: number, certain: boolean): void {
    const row = this.#rows.get(room);
    if (!row || seq <= row.chat.last_read_seq) return;
    this.#set(room, { last_read_seq: seq });
    for (const read of row.live.keys()) if (read <= seq) row.live.delete(read);
    if (seq >= row.base.seq) row.base = { ...row.base, unread: 0, mentions: 0 };
    else {
      // A guess until the server has counted: never more than there is.
      const { unread, mentions } = row.base;
      const left = Math.min(unread, row.base.seq - seq);
      row.base = { ...row.base, unread: left, mentions: Math.min(mentions, left) };
      if (certain) this.#recount(row);
    }
    this.#counted(row);
  }

  #counted(row: Row): void {
    let { unread, mentions } = row.base;
    for (const mention of row.live.values()) {
      unread++;
      if (mention) mentions++;
    }
    const { room } = row.chat;
    if (unread !== row.chat.unread || mentions !== row.chat.mentions) {
      this.#set(room, { unread, mentions });
    }
  }

  #recount(row: Row): void {
    row.readAt ??= this.#ctx.now + READ_EVERY;
    this.#timed.add(row.chat.room);
  }

  #askCounts(room: string, row: Row): void {
    // What is touched from now on has the server count once more.
    delete row.readAt;
    row.reading = true;
    const seq = row.chat.last_read_seq;
    this.#ctx.request("read", { room, seq }, (ok, error) => {
      row.reading = false;
      if (this.#rows.get(room) !== row) return;
      if (error) {
        if (error.retryable) this.#recount(row);
        return;
      }
      row.told = Math.max(row.told, seq);
      const answer = ok as Unread;
      const { seq: head = row.chat.seq, rev = this.revs.get(room) ?? 0, mentions = 0 } = answer;
      this.#base(row, { ...answer, seq: head, rev, mentions });
    });
  }

  /** The server has counted, as of `rev`. */
  #base(row: Row, counts: Required<Unread>): void {
    const { seq, rev, unread, mentions, last_read_seq } = counts;
    if (rev < row.base.rev) return;
    const ahead = row.chat.last_read_seq > last_read_seq;
    if (!ahead) this.#set(row.chat.room, { last_read_seq });
    row.base = { seq, rev, unread, mentions };
    for (const counted of row.live.keys()) {
      if (counted <= Math.max(seq, last_read_seq)) row.live.delete(counted);
    }
    if (ahead) {
      // The user has read on meanwhile: a guess, and counted again.
      const left = Math.max(0, Math.min(unread, seq - row.chat.last_read_seq));
      row.base = { seq, rev, unread: left, mentions: Math.min(mentions, left) };
      this.#recount(row);
    }
    this.#counted(row);
  }

  // ------------------------------------------------------------------------------------------- rows

  #row(chat: Chat): Row {
    const { room, seq, unread, mentions } = chat;
    const base = { seq, rev: 0, unread, mentions };
    const row: Row = {
      chat,
      base,
      live: new Map(),
      typing: new Map(),
      reading: false,
      told: 0,
    };
    this.#rows.set(room, row);
    this.#changed.add(room);
    this.#removed.delete(room);
    return row;
  }

  #set(room: string, change: Change<Chat>): void {
    const row = this.#rows.get(room);
    if (!row) return;
    row.chat = { ...row.chat, ...change } as Chat;
    this.#changed.add(room);
  }

  #upsert(room: WelcomeRoom | ChatRecord, anew: boolean): void {
    const known = this.#rows.get(room.room);
    const { seq, rev, unread, mentions = 0, last_read_seq } = room;
    const chat: Change<Chat> = {
      room: room.room,
      kind: room.kind,
      name: room.name ?? "",
      state: room.state,
      role: room.role,
      slow_mode_seconds: room.slow_mode_seconds ?? 0,
      pinned: room.pinned,
      muted: room.muted,
    };
    if (room.peer !== undefined) chat.peer = room.peer;
    if (!known) {
      const fresh = {
        ...chat,
        seq,
        unread,
        mentions,
        last_read_seq,
        typing: [],
      } as unknown as Chat;
      this.#row(fresh).base.rev = rev;
      return;
    }
    if (anew) {
      Object.assign(known, { live: new Map(), told: 0 });
      known.base.rev = 0;
      chat.last_read_seq = last_read_seq;
    }
    chat.seq = anew ? seq : Math.max(seq, known.chat.seq);
    this.#set(room.room, chat);
    this.#base(known, { seq, rev, unread, mentions, last_read_seq });
  }

  #page({ chats, next_cursor }: Answer<"chats">): void {
    for (const record of chats) {
      const { room, last_message, active_at } = record;
      this.#upsert(record, false);
      const row = this.#rows.get(room) as Row;
      const newer = (row.chat.last_message?.rev ?? 0) <= record.rev;
      this.#set(room, { ...about(record), ...(newer ? { last_message, active_at } : {}) });
      if (row.chat.unread > 0) this.#toDeliver(row);
    }
    this.#cursor = next_cursor;
    this.#hasMore = next_cursor !== undefined;
  }

  /** The newest chats with their last messages, soon: several reasons make one request. */
  #reload(): void {
    this.#listAt ??= this.#ctx.now + (this.#loaded ? LIST_EVERY : 0);
  }

  #loadFirst(): void {
    const { epoch } = this;
    const first = !this.#loaded;
    this.#ctx.request("chats", { limit: CHATS_PAGE }, (ok, error) => {
      if (epoch !== this.epoch) return;
      if (error) {
        if (error.retryable) this.#listAt = this.#ctx.now + 2_000;
        return;
      }
      const { cursor, hasMore } = { cursor: this.#cursor, hasMore: this.#hasMore };
      this.#loaded = true;
      this.#page(ok as Answer<"chats">);
      if (!first) {
        this.#cursor = cursor;
        this.#hasMore = hasMore;
      }
    });
    if (!first) return;
    this.#ctx.request("chats", { pinned: true, limit: 100 }, (ok) => {
      if (!ok || epoch !== this.epoch) return;
      const { cursor, hasMore } = { cursor: this.#cursor, hasMore: this.#hasMore };
      this.#page(ok as Answer<"chats">);
      this.#cursor = cursor;
      this.#hasMore = hasMore;
    });
  }

  // ------------------------------------------------------------------------------ delivered and typing

  #toDeliver(row: Row): void {
    if (!this.#ctx.config.deliveryReceipts) return;
    const wait = row.chat.kind === "direct" ? DELIVERED_EVERY : DELIVERED_EVERY_IN_GROUPS;
    row.deliveredAt ??= this.#ctx.now + wait;
    this.#timed.add(row.chat.room);
  }

  #deliver(room: string, row: Row): void {
    delete row.deliveredAt;
    const { seq, last_read_seq } = row.chat;
    if (seq <= Math.max(row.told, last_read_seq)) return;
    row.told = seq;
    this.#ctx.request("delivered", { room, seq }, () => {});
  }

  #type(room: string, user: UserId, on: boolean): void {
    const row = this.#rows.get(room);
    if (!row || user === this.#user) return;
    const was = row.typing.has(user);
    if (on) {
      row.typing.set(user, this.#ctx.now + TYPING_ENDS);
      this.#timed.add(room);
    } else row.typing.delete(user);
    if (was !== on) this.#typists(row);
  }

  #typists(row: Row): void {
    this.#set(row.chat.room, { typing: [...row.typing.keys()] });
  }
}

/** What a room says of itself. */
function about(room: Room): Change<Chat> {
  const { name, topic, state, slow_mode_seconds = 0, member_count } = room;
  return { name, topic, state, slow_mode_seconds, member_count };
}

function newest(chats: readonly Chat[]): string {
  return chats.reduce(
    (at, chat) => ((chat.active_at ?? "") > at ? (chat.active_at ?? "") : at),
    "",
  );
}
