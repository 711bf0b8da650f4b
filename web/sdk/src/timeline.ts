/** A room's window, kept up to date: pages by the server's history, everything else by events. */

import type {
  JumpTarget,
  MessageStatus,
  PendingMessage,
  Store,
  Timeline,
  TimelineMessage,
  TimelineOptions,
  TimelineSnapshot,
} from "./api.js";
import { MessageWindow, type DurableEvent } from "./core/window.js";
import { HubbubError } from "./errors.js";
import type { SendQueue } from "./outbox.js";
import type { Ask } from "./people.js";
import { Value } from "./readable.js";
import type { Body, Fields, HistoryPage, Message, ServerEvent, UserId } from "./wire.js";

const PAGE = 30;
const PAGE_MAX = 100;
const KEPT_MAX = 1_500;
/** Pages that are read again after a gap; a longer window begins at its end again. */
const AGAIN_MAX = 5;
const CACHED = 60;
const CACHE_EVERY = 1_000;
const TYPING_EVERY = 3_000;
const TYPING_STOPS = 5_000;

/** What a window needs from the client. */
export interface WindowParts {
  readonly user: UserId;
  readonly ask: Ask;
  readonly store: Store;
  readonly outbox: SendQueue;
  /** Whether a server can be asked now. */
  live(): boolean;
  marker(): number;
  unread(): number;
  typing(): readonly UserId[];
  markRead(seq: number | undefined): void;
  dropped(): void;
}

interface Cached {
  readonly epoch: string;
  readonly messages: readonly Message[];
}

export class RoomWindow {
  readonly room: string;
  readonly #parts: WindowParts;
  readonly #options: TimelineOptions;
  readonly #window = new MessageWindow();
  readonly snapshot: Value<TimelineSnapshot>;
  #status: TimelineSnapshot["status"] = "loading";
  #error: HubbubError | undefined;
  #loading: TimelineSnapshot["loading"];
  #openedAt: number | undefined;
  #epoch = "";
  /** Stored, and not yet in the window. */
  readonly #sent = new Map<string, PendingMessage>();
  readonly #readBy = new Map<UserId, number>();
  readonly #deliveredTo = new Map<UserId, number>();
  readonly #shown = new WeakMap<Message, TimelineMessage>();
  #receiptsFor = 0;
  /** Grows with every jump: what belongs to an earlier one is not taken. */
  #jump = 0;
  #older: Promise<void> | undefined;
  #newer: Promise<void> | undefined;
  /** What has to be loaded once there is a connection. */
  #wanted: JumpTarget | "again" | undefined;
  #due = false;
  #saving: ReturnType<typeof setTimeout> | undefined;
  #typedAt = -Infinity;
  #typing: ReturnType<typeof setTimeout> | undefined;
  handles = 0;
  #closed = false;

  constructor(room: string, parts: WindowParts, options: TimelineOptions) {
    this.room = room;
    this.#parts = parts;
    this.#options = options;
    this.snapshot = new Value<TimelineSnapshot>(this.#build());
    void this.#open(options.at ?? "latest");
  }

  // ------------------------------------------------------------------------------------- what happens

  event(event: ServerEvent): void {
    switch (event.type) {
      case "message":
      case "edited":
      case "deleted":
      case "reacted":
        return this.#durable(event);
      case "reset":
      // The room is followed again once its history was asked for.
      case "unfollowed":
        return void this.again();
      case "read":
      case "delivered":
        return this.#marked(event);
      case "left":
        this.#status = "gone";
        this.#parts.store.delete("messages", this.room).catch(() => {});
        return this.changed();
      case "joined":
        if (this.#status === "gone") void this.#load("latest");
        return;
      default:
        return this.changed();
    }
  }

  /** There is a connection. `gap`: events were missed, and do not come. */
  welcome(epoch: string, gap: boolean): void {
    this.#epoch = epoch;
    if (this.#wanted !== undefined) void this.#load(this.#wanted);
    else if (gap) void this.again();
  }

  /** What is held belongs to another epoch now, which it survived. */
  epoch(epoch: string): void {
    this.#epoch = epoch;
  }

  sent(pending: PendingMessage): void {
    const { client_id } = pending;
    if (!this.#window.atLatest || this.#has(client_id)) return;
    this.#sent.set(client_id, { ...pending, status: "sent" });
    this.changed();
  }

  /** The window is read anew where it stands. */
  async again(): Promise<void> {
    await this.#load("again");
  }

  changed(): void {
    if (this.#due || this.#closed) return;
    this.#due = true;
    queueMicrotask(() => {
      this.#due = false;
      if (!this.#closed) this.snapshot.set(this.#build());
    });
  }

  close(): void {
    if (this.#saving !== undefined) this.#save();
    this.forget();
  }

  /** The user signed out: nothing is stored any longer. */
  forget(): void {
    this.#closed = true;
    clearTimeout(this.#typing);
    clearTimeout(this.#saving);
    this.#saving = undefined;
  }

  // ---------------------------------------------------------------------------------- what is asked for

  older(): Promise<void> {
    if (!this.#window.hasOlder || !this.#window.first) return Promise.resolve();
    this.#older ??= this.#more("older").finally(() => (this.#older = undefined));
    return this.#older;
  }

  newer(): Promise<void> {
    if (this.#window.atLatest) return Promise.resolve();
    this.#newer ??= this.#more("newer").finally(() => (this.#newer = undefined));
    return this.#newer;
  }

  async jump(target: JumpTarget): Promise<number | undefined> {
    if (typeof target === "object" && "seq" in target) {
      const { first, last } = this.#window;
      if (first > 0 && target.seq >= first && target.seq <= last) return target.seq;
    }
    if (target === "latest" && this.#window.atLatest && this.#status === "ready") {
      return this.#window.last || undefined;
    }
    return this.#load(target, true);
  }

  typing(on: boolean): void {
    clearTimeout(this.#typing);
    const now = performance.now();
    if (!on) {
      if (this.#typedAt !== -Infinity) this.#sayTyping(false);
      this.#typedAt = -Infinity;
      return;
    }
    this.#typing = setTimeout(() => this.typing(false), TYPING_STOPS);
    if (now - this.#typedAt < TYPING_EVERY) return;
    this.#typedAt = now;
    this.#sayTyping(true);
  }

  /** A message ends the typing by itself. */
  spoke(): void {
    clearTimeout(this.#typing);
    this.#typedAt = -Infinity;
  }

  #sayTyping(on: boolean): void {
    if (this.#parts.live()) this.#parts.ask("typing", { room: this.room, on }).catch(() => {});
  }

  // ------------------------------------------------------------------------------------------- loading

  async #open(at: JumpTarget): Promise<void> {
    const loaded = this.#load(at);
    try {
      const rows = await this.#parts.store.list("messages", this.room);
      const cached = rows.find(([key]) => key === this.room)?.[1] as Cached | undefined;
      if (cached && this.#status === "loading" && at === "latest") {
        const { epoch, messages } = cached;
        const seq = messages.at(-1)?.seq ?? 0;
        const page = { messages, has_more: false, has_newer: false, seq, rev: 0, epoch };
        this.#window.replace(page, true);
        this.#status = "cached";
        this.changed();
      }
    } catch {
      // Without a cache the server's answer is waited for.
    }
    await loaded;
  }

  /** Loads what `target` says. Fails quietly when there is no connection: it is loaded once there is one. */
  async #load(target: JumpTarget | "again", loud = false): Promise<number | undefined> {
    const jump = ++this.#jump;
    this.#loading = "jump";
    if (target !== "again" || this.#wanted === undefined) this.#wanted = target;
    this.changed();
    // Without a connection the next one asks; who waits for the answer asks now.
    if (!loud && !this.#parts.live()) return undefined;
    const done = this.#window.loading();
    try {
      const seq = await this.#fetch(target, jump);
      if (jump !== this.#jump) return undefined;
      this.#wanted = undefined;
      this.#ready();
      return seq;
    } catch (error) {
      if (jump === this.#jump) this.#failed(error as HubbubError);
      if (loud) throw error;
      return undefined;
    } finally {
      const overran = this.#window.overran;
      done();
      if (jump === this.#jump) {
        this.#loading = undefined;
        this.changed();
        if (overran || (this.#window.head > this.#window.last && this.#wasLatest(target))) {
          void this.newer().catch(() => {});
        }
      }
    }
  }

  #wasLatest(target: JumpTarget | "again"): boolean {
    return target === "latest" || target === "again";
  }

  async #fetch(target: JumpTarget | "again", jump: number): Promise<number | undefined> {
    const limit = this.#options.page ?? PAGE;
    if (target === "again") return this.#fetchAgain(jump);
    if (target === "latest" || (target === "unread" && this.#parts.unread() === 0)) {
      const page = await this.#page({ limit });
      this.#replace(page, jump, !page.has_newer, page.has_more);
      return page.messages.at(-1)?.seq;
    }
    if (target === "unread") {
      const marker = this.#parts.marker();
      const page = await this.#page({ around_seq: Math.max(1, marker + 1), limit });
      this.#replace(page, jump, !page.has_newer);
      return page.messages.find(({ seq }) => seq > marker)?.seq ?? page.messages.at(-1)?.seq;
    }
    if ("seq" in target) {
      const page = await this.#page({ around_seq: target.seq, limit });
      this.#replace(page, jump, !page.has_newer);
      return page.messages.find(({ seq }) => seq === target.seq)?.seq ?? page.messages.at(-1)?.seq;
    }
    const { date } = target;
    const before_time = typeof date === "string" ? date : date.toISOString();
    const before = await this.#page({ before_time, limit });
    const last = before.messages.at(-1)?.seq ?? 0;
    const after = await this.#page({ after_seq: last, limit });
    if (jump !== this.#jump) return undefined;
    this.#replace(before, jump, false, before.has_more);
    if (before.messages.length > 0) this.#window.append(after);
    else this.#replace(after, jump, !after.has_more);
    return after.messages[0]?.seq ?? (last || undefined);
  }

  /** Reads the window's messages again, so that a reader's place in them stays. */
  async #fetchAgain(jump: number): Promise<number | undefined> {
    const { first, last, atLatest } = this.#window;
    const pages: HistoryPage[] = [];
    let after = Math.max(first, last - AGAIN_MAX * PAGE_MAX + PAGE_MAX) - 1;
    if (first === 0 || this.#status === "cached") return this.#fetch("latest", jump);
    while (pages.length < AGAIN_MAX) {
      const page = await this.#page({ after_seq: after, limit: PAGE_MAX });
      if (jump !== this.#jump) return undefined;
      pages.push(page);
      after = page.messages.at(-1)?.seq ?? after;
      if (!page.has_more || (!atLatest && after >= last)) break;
    }
    // Too much has come meanwhile: what is newest matters more than what was looked at.
    if (atLatest && pages.at(-1)?.has_more) return this.#fetch("latest", jump);
    const [head, ...rest] = pages as [HistoryPage, ...HistoryPage[]];
    // The window lies beyond the end of what another epoch kept.
    if (head.messages.length === 0) return this.#fetch("latest", jump);
    this.#replace(head, jump, !head.has_more);
    for (const page of rest) this.#window.append(page);
    return last;
  }

  async #more(way: "older" | "newer"): Promise<void> {
    const jump = this.#jump;
    const { first, last } = this.#window;
    const done = this.#window.loading();
    this.#loading ??= way;
    this.changed();
    try {
      const limit = this.#options.page ?? PAGE;
      const anchor = way === "older" ? { before_seq: first } : { after_seq: last };
      const epoch = this.#epoch;
      const page = await this.#page({ ...anchor, limit });
      if (jump !== this.#jump) return;
      // The same places may hold other messages now.
      if (page.epoch !== epoch) return void this.again();
      const max = this.#options.max ?? KEPT_MAX;
      if (way === "older") {
        this.#window.prepend(page);
        this.#window.trim(max, "oldest");
      } else {
        this.#window.append(page);
        this.#window.trim(max, "newest");
      }
      this.#arrived();
    } finally {
      done();
      if (jump === this.#jump) this.#loading = undefined;
      this.changed();
    }
  }

  async #page(anchor: Omit<Fields<"history">, "room">): Promise<HistoryPage> {
    const page = await this.#parts.ask("history", { room: this.room, ...anchor });
    this.#epoch = page.epoch;
    return page;
  }

  #replace(page: HistoryPage, jump: number, atLatest: boolean, hasOlder?: boolean): void {
    if (jump === this.#jump) this.#window.replace(page, atLatest, hasOlder);
  }

  #ready(): void {
    this.#status = "ready";
    this.#error = undefined;
    this.#openedAt ??= this.#parts.marker();
    this.#arrived();
    this.#askReceipts();
  }

  #failed(error: HubbubError): void {
    if (error.code === "not_found" || error.code === "forbidden") {
      this.#status = "gone";
      this.#wanted = undefined;
    } else if (!error.retryable && error.code !== "closed") {
      this.#wanted = undefined;
      if (this.#status === "loading") {
        this.#status = "failed";
        this.#error = error;
      }
    } else if (this.#parts.live() && this.#wanted !== undefined) {
      // A part of the cluster does not answer; the next connection may be long in coming.
      const wanted = this.#wanted;
      setTimeout(() => {
        if (!this.#closed && this.#wanted === wanted) void this.#load(wanted);
      }, 2_000);
    }
  }

  // ------------------------------------------------------------------------------------------- events

  #durable(event: DurableEvent): void {
    if (event.type === "message") this.#mark(this.#readBy, event.sender, event.seq);
    const outcome = this.#window.apply(event);
    if (outcome === "gap") this.newer().catch(() => this.again());
    if (event.type === "message" && outcome === "changed") {
      const max = this.#options.max ?? KEPT_MAX;
      // In steps, not at every message.
      if (this.#window.messages.length > max + PAGE_MAX) this.#window.trim(max, "newest");
      if (event.sender === this.#parts.user) this.#askReceipts();
    }
    this.#arrived();
  }

  /** After the window changed: what was pending may be in it. */
  #arrived(): void {
    if (this.#sent.size > 0) {
      for (const client_id of this.#sent.keys()) {
        if (!this.#window.atLatest || this.#has(client_id)) this.#sent.delete(client_id);
      }
    }
    this.changed();
    if (this.#window.atLatest && !this.#closed)
      this.#saving ??= setTimeout(() => this.#save(), CACHE_EVERY);
  }

  #has(client_id: string): boolean {
    return this.#window.messages.some(
      (message) => message.client_id === client_id && message.sender === this.#parts.user,
    );
  }

  #save(): void {
    clearTimeout(this.#saving);
    this.#saving = undefined;
    if (!this.#window.atLatest || this.#status !== "ready") return;
    const cached: Cached = { epoch: this.#epoch, messages: this.#window.messages.slice(-CACHED) };
    this.#parts.store.put("messages", this.room, cached).catch(() => {});
  }

  // ----------------------------------------------------------------------------------------- receipts

  #marked({ type, user, seq }: Extract<ServerEvent, { type: "read" | "delivered" }>): void {
    if (type === "read") this.#mark(this.#readBy, user, seq);
    else this.#mark(this.#deliveredTo, user, seq);
    this.changed();
  }

  #mark(marks: Map<UserId, number>, user: UserId, seq: number): void {
    if (user !== this.#parts.user) marks.set(user, Math.max(marks.get(user) ?? 0, seq));
  }

  /** How far one's newest message has come; the events tell of what follows. */
  #askReceipts(): void {
    const { messages } = this.#window;
    const own = messages.findLast(({ sender, body }) => sender === this.#parts.user && body);
    if (!own || this.#receiptsFor > 0) return;
    this.#receiptsFor = own.seq;
    this.#parts
      .ask("receipts", { room: this.room, seq: own.seq })
      .then(({ sent, delivered, read }) => {
        for (const user of sent) this.#mark(this.#deliveredTo, user, 0);
        for (const user of delivered) this.#mark(this.#deliveredTo, user, own.seq);
        for (const user of read) this.#mark(this.#readBy, user, own.seq);
        this.changed();
      })
      // Too many members, or no connection: then the events have to do.
      .catch(() => {});
  }

  #statusOf(seq: number): MessageStatus {
    const others = new Set([...this.#readBy.keys(), ...this.#deliveredTo.keys()]);
    if (others.size === 0) return "sent";
    let status: MessageStatus = "read";
    for (const user of others) {
      if ((this.#readBy.get(user) ?? 0) >= seq) continue;
      if ((this.#deliveredTo.get(user) ?? 0) < seq) return "sent";
      status = "delivered";
    }
    return status;
  }

  // ----------------------------------------------------------------------------------------- snapshot

  #build(): TimelineSnapshot {
    const { messages, hasOlder, atLatest, head, last } = this.#window;
    const waiting = this.#parts.outbox
      .of(this.room)
      .filter(({ client_id }) => !this.#has(client_id));
    const optional = {
      ...(this.#error ? { error: this.#error } : {}),
      ...(this.#loading ? { loading: this.#loading } : {}),
    };
    return {
      status: this.#status,
      ...optional,
      messages: messages.map((message) => this.#show(message)),
      pending: [...this.#sent.values(), ...waiting],
      hasOlder,
      atLatest,
      newer: Math.max(0, head - last),
      openedAt: this.#openedAt ?? this.#parts.marker(),
      typing: this.#parts.typing(),
      readBy: new Map(this.#readBy),
      deliveredTo: new Map(this.#deliveredTo),
    };
  }

  #show(message: Message): TimelineMessage {
    const mine = message.sender === this.#parts.user && !message.system;
    const status = mine ? this.#statusOf(message.seq) : "sent";
    const known = this.#shown.get(message);
    if (known?.status === status) return known;
    const key = mine ? `~${message.client_id}` : message.message_id;
    const shown = { ...message, key, mine, status };
    this.#shown.set(message, shown);
    return shown;
  }
}

/** One caller's handle on a window that others may use, too. */
export function handle(window: RoomWindow, parts: WindowParts): Timeline {
  const { room } = window;
  let open = true;
  window.handles++;
  const body = (said: Body | string): Body => (typeof said === "string" ? { text: said } : said);
  return {
    room,
    snapshot: window.snapshot,
    loadOlder: () => window.older(),
    loadNewer: () => window.newer(),
    jumpTo: (target) => window.jump(target),
    reload: () => window.again(),
    send(said) {
      window.spoke();
      return parts.outbox.send(room, said);
    },
    edit: async (seq, said) => void (await parts.ask("edit", { room, seq, body: body(said) })),
    delete: async (seq) => void (await parts.ask("delete", { room, seq })),
    react: async (seq, emoji, on = true) =>
      void (await parts.ask("react", { room, seq, emoji, on })),
    receipts: (seq) => parts.ask("receipts", { room, seq }),
    edits: (seq, page = {}) => parts.ask("edits", { room, seq, ...page }),
    markRead: (seq) => parts.markRead(seq),
    typing: (on = true) => window.typing(on),
    close() {
      if (!open) return;
      open = false;
      if (--window.handles === 0) parts.dropped();
    },
  };
}
