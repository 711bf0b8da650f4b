/**
 * The one that owns the socket: it runs the core, carries out its effects, and serves any number of tabs
 * through ports. It lives in a SharedWorker, in the leading tab, or in a tab that is alone.
 */

import type { Chat, Store, WebSocketConstructor, WebSocketLike } from "./api.js";
import { Engine } from "./core/engine.js";
import type { Effect, HubEvent, Input, OutboxEntry } from "./core/types.js";
import { trouble } from "./store.js";
import {
  SIGNED_OUT,
  type HubConfig,
  type Item,
  type Snapshot,
  type ToHub,
  type ToTab,
} from "./messages.js";
import type { UserId } from "./wire.js";

export interface HubParts {
  readonly store: Store;
  readonly websocket: WebSocketConstructor;
  /** The lock that dies with this hub. */
  readonly lock?: string | undefined;
}

interface Tab {
  readonly post: (message: ToTab) => void;
  visible: boolean;
  room: string | undefined;
  /** When it was last looked at, in order. */
  looked: number;
  watched: readonly UserId[];
}

/** How long stored rooms are waited for before the connection is opened without them. */
const RESTORE_TIMEOUT = 2_000;
const ROOMS_EVERY = 1_000;
/** Without tabs for so long, the socket is closed. */
const LINGER = 3_000;
/** Stored messages remembered, so that a row read from the store at the same time is not sent again. */
const DONE_MAX = 1_000;
/** The timers of a sleeping machine stand still; its clock jumps. */
const SLEPT = 15_000;

export class Hub {
  readonly #config: HubConfig;
  readonly #parts: HubParts;
  readonly #engine: Engine;
  readonly #tabs = new Map<string, Tab>();
  readonly #sockets = new Map<number, WebSocketLike>();
  readonly #inputs: Input[] = [];
  #handling = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #linger: ReturnType<typeof setTimeout> | undefined;
  #clock = { wall: Date.now(), mono: performance.now() };
  #looks = 0;
  #tokenId = 0;
  #tokenTab = "";
  #tokenReason: "connect" | "expiring" | "refused" = "connect";
  readonly #dirty = new Map<string, unknown>();
  #saving: ReturnType<typeof setTimeout> | undefined;
  readonly #done = new Map<string, HubEvent>();
  readonly #complained = new Set<string>();
  #restored = false;
  #ended = false;

  constructor(config: HubConfig, parts: HubParts) {
    this.#config = config;
    this.#parts = parts;
    this.#engine = new Engine({ ...config.core, random: Math.random });
    void this.#restore();
  }

  attach(id: string, post: (message: ToTab) => void): void {
    clearTimeout(this.#linger);
    const known = this.#tabs.get(id);
    const tab = { visible: false, room: undefined, looked: 0, watched: [], ...known, post };
    this.#tabs.set(id, tab);
    const { rooms, outbox, presence, state } = this.#engine;
    const snapshot: Snapshot = {
      state,
      chats: rooms.chats(),
      head: rooms.head(),
      outbox: outbox.views(),
      presence: [...presence.values()],
      lock: this.#parts.lock,
    };
    post({ t: "snapshot", snapshot });
    if (this.#restored) this.#handle({ type: "start" });
  }

  /** The tab is gone: closed, crashed, or reloaded. */
  detach(id: string): void {
    if (!this.#tabs.delete(id)) return;
    this.#watch();
    // It may have stored a message and died before it said so.
    void this.#rescan();
    if (this.#tokenTab === id) this.#askToken();
    if (this.#tabs.size > 0) return;
    this.#linger = setTimeout(() => {
      this.#handle({ type: "stop", code: 1000, reason: "no tab is open" });
    }, LINGER);
  }

  end(): void {
    this.#handle({ type: "stop", code: 1000, reason: "closed" });
    this.#ended = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#linger);
    clearTimeout(this.#saving);
    this.#save();
    this.#tabs.clear();
  }

  receive(id: string, message: ToHub): void {
    const tab = this.#tabs.get(id);
    if (!tab || this.#ended) return;
    switch (message.t) {
      case "connect":
        return this.#handle({ type: "start" });
      case "bye":
        return this.detach(id);
      case "logout":
        return this.#logout();
      case "call": {
        const { name, fields } = message;
        return this.#handle({ type: "call", call: `${message.id}@${id}`, name, fields });
      }
      case "more":
        return this.#handle({ type: "more", call: `${message.id}@${id}` });
      case "send":
        return this.#send(tab, message.entry);
      case "retry":
      case "discard":
        return this.#handle({ type: message.t, client_id: message.client_id });
      case "read": {
        const { room, seq } = message;
        return this.#handle(
          seq === undefined ? { type: "read", room } : { type: "read", room, seq },
        );
      }
      case "watch":
        tab.watched = message.users;
        return this.#watch();
      case "tab":
        tab.visible = message.visible;
        tab.room = message.room;
        if (message.visible) tab.looked = ++this.#looks;
        return;
      case "network":
        return this.#handle({ type: "network", online: message.online });
      case "wake":
        return this.#handle({ type: "wake" });
      case "token":
        if (message.id !== this.#tokenId) return;
        this.#tokenTab = "";
        return this.#handle({ type: "token", token: message.token });
      case "no_token": {
        if (message.id !== this.#tokenId) return;
        this.#tokenTab = "";
        const { final, reason } = message;
        return this.#handle({ type: "no_token", final, reason });
      }
      default:
    }
  }

  #send(tab: Tab, entry: OutboxEntry): void {
    const sent = this.#done.get(entry.client_id);
    // The tab slept while it was stored.
    if (sent) tab.post({ t: "batch", items: [{ event: sent }] });
    else this.#handle({ type: "send", entry });
  }

  /** One input after the other: what an effect leads to waits its turn. */
  #handle(input: Input): void {
    this.#inputs.push(input);
    if (this.#handling || this.#ended) return;
    this.#handling = true;
    try {
      for (let next = this.#inputs.shift(); next; next = this.#inputs.shift()) {
        this.#perform(this.#engine.handle(next, performance.now()));
      }
    } finally {
      this.#handling = false;
    }
    this.#schedule();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const at = this.#engine.deadline();
    if (at === undefined) return;
    this.#timer = setTimeout(
      () => {
        const { wall, mono } = this.#clock;
        this.#clock = { wall: Date.now(), mono: performance.now() };
        const slept = Math.abs(this.#clock.wall - wall - (this.#clock.mono - mono)) > SLEPT;
        this.#handle({ type: "tick" });
        if (slept) this.#handle({ type: "wake" });
      },
      Math.max(0, Math.min(at - performance.now(), 60_000)),
    );
  }

  #perform(effects: readonly Effect[]): void {
    const items = new Map<string, Item[]>();
    const tell = (tab: string, item: Item) => {
      const list = items.get(tab) ?? [];
      items.set(tab, list);
      list.push(item);
    };
    const notices: { room: string; seq: number }[] = [];
    for (const effect of effects) {
      switch (effect.type) {
        case "emit":
          for (const id of this.#tabs.keys()) tell(id, { event: effect.event });
          if (effect.event.type === "unread") notices.push(effect.event);
          if (effect.event.type === "sent") this.#remember(effect.event.client_id, effect.event);
          break;
        case "settle": {
          const { call, type: _, ...outcome } = effect;
          const at = call.indexOf("@");
          const [id, tab] = [Number(call.slice(0, at)), call.slice(at + 1)];
          if (this.#tabs.has(tab)) tell(tab, { id, ...outcome });
          break;
        }
        case "store":
          this.#keep(effect);
          break;
        case "token":
          this.#tokenReason = effect.reason;
          this.#askToken();
          break;
        case "open":
          this.#open(effect.socket);
          break;
        case "transmit":
          this.#debug("sent", effect.text);
          this.#sockets.get(effect.socket)?.send(effect.text);
          break;
        case "disconnect":
          this.#drop(effect.socket)?.close(effect.code);
          break;
        default:
      }
    }
    for (const [tab, list] of items) this.#tabs.get(tab)?.post({ t: "batch", items: list });
    for (const { room, seq } of notices) this.#notice(room, seq);
  }

  // ------------------------------------------------------------------------------------------ sockets

  #open(socket: number): void {
    const url = new URL(this.#config.url);
    url.protocol = url.protocol.replace("http", "ws");
    url.pathname = `${url.pathname.replace(/\/$/, "")}/v1/connect`;
    let ws: WebSocketLike;
    try {
      ws = new this.#parts.websocket(url.href, "hubbub.v1+json");
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return this.#handle({ type: "disconnected", socket, code: 1006, reason });
    }
    this.#sockets.set(socket, ws);
    ws.onopen = () => this.#handle({ type: "opened", socket });
    ws.onmessage = ({ data }: { data: unknown }) => {
      if (typeof data !== "string") return;
      this.#debug("received", data);
      this.#handle({ type: "frame", socket, text: data });
    };
    ws.onclose = ({ code, reason }: { code: number; reason: string }) => {
      this.#drop(socket);
      this.#handle({ type: "disconnected", socket, code, reason });
    };
    // What is wrong is told by the close event that follows.
    ws.onerror = () => {};
  }

  #drop(socket: number): WebSocketLike | undefined {
    const ws = this.#sockets.get(socket);
    this.#sockets.delete(socket);
    if (!ws) return undefined;
    ws.onopen = ws.onmessage = ws.onclose = null;
    ws.onerror = () => {};
    return ws;
  }

  // ------------------------------------------------------------------------------------------- tokens

  /** Asks the tab that was looked at last; the next one when it dies or does not answer. */
  #askToken(): void {
    const tabs = [...this.#tabs].sort(([, a], [, b]) => b.looked - a.looked);
    const asked = tabs.findIndex(([id]) => id === this.#tokenTab);
    const next = tabs[asked + 1] ?? tabs[0];
    if (!next) return;
    this.#tokenTab = next[0];
    next[1].post({ t: "token", id: ++this.#tokenId, reason: this.#tokenReason });
  }

  // ---------------------------------------------------------------------------------- tabs' attention

  #watch(): void {
    const users = [...this.#tabs.values()].flatMap((tab) => tab.watched);
    this.#handle({ type: "watch", users: [...new Set(users)] });
  }

  /** Exactly one tab hears of a message that nobody looks at. */
  #notice(room: string, seq: number): void {
    const chat = this.#engine.rooms.chat(room);
    const message = chat?.last_message;
    if (!chat || chat.muted || message?.seq !== seq) return;
    const tabs = [...this.#tabs.values()];
    if (tabs.some((tab) => tab.visible && tab.room === room)) return;
    const mention = message.body?.mentions?.includes(this.#config.user) ?? false;
    const latest = tabs.sort((a, b) => b.looked - a.looked)[0];
    latest?.post({ t: "notice", message, chat, mention });
  }

  // -------------------------------------------------------------------------------------------- store

  async #restore(): Promise<void> {
    const late = new Promise<void>((resolve) => setTimeout(resolve, RESTORE_TIMEOUT));
    const load = async () => {
      const [entries, chats] = await Promise.all([this.#outboxRows(), this.#rows<Chat>("rooms")]);
      this.#handle({ type: "restore", entries, chats });
    };
    await Promise.race([load(), late]);
    this.#restored = true;
    if (this.#tabs.size > 0) this.#handle({ type: "start" });
  }

  async #rescan(): Promise<void> {
    this.#handle({ type: "restore", entries: await this.#outboxRows(), chats: [] });
  }

  async #outboxRows(): Promise<OutboxEntry[]> {
    const rows = await this.#rows<OutboxEntry>("outbox");
    return rows.filter(({ client_id }) => !this.#done.has(client_id));
  }

  async #rows<T>(table: "outbox" | "rooms"): Promise<T[]> {
    try {
      const rows = await this.#parts.store.list(table);
      return rows
        .map(([, value]) => value as T)
        .filter((value) => typeof value === "object" && value !== null);
    } catch (error) {
      this.#complain(error);
      return [];
    }
  }

  #remember(client_id: string, sent: HubEvent): void {
    this.#done.set(client_id, sent);
    for (const oldest of this.#done.keys()) {
      if (this.#done.size <= DONE_MAX) break;
      this.#done.delete(oldest);
    }
  }

  #keep({ table, key, value }: Extract<Effect, { type: "store" }>): void {
    if (table === "outbox") this.#write(table, key, value);
    else {
      this.#dirty.set(key, value);
      this.#saving ??= setTimeout(() => this.#save(), ROOMS_EVERY);
    }
  }

  #save(): void {
    this.#saving = undefined;
    for (const [key, value] of this.#dirty) this.#write("rooms", key, value);
    this.#dirty.clear();
  }

  #write(table: "outbox" | "rooms", key: string, value: unknown): void {
    const { store } = this.#parts;
    const written = value === undefined ? store.delete(table, key) : store.put(table, key, value);
    written.catch((error: unknown) => this.#complain(error));
  }

  /** Says what is wrong with the store, once of each kind. */
  #complain(error: unknown): void {
    const what = trouble(error);
    if (this.#complained.has(what.kind)) return;
    this.#complained.add(what.kind);
    for (const tab of this.#tabs.values()) tab.post({ t: "storage", trouble: what });
  }

  #logout(): void {
    this.#handle({ type: "stop", code: 4503, reason: SIGNED_OUT });
    this.#dirty.clear();
    this.#parts.store.clear().catch((error: unknown) => this.#complain(error));
  }

  #debug(what: string, text: string): void {
    if (!this.#config.debug) return;
    const detail = text.replace(/("token":")[^"]*/g, "$1…");
    for (const tab of this.#tabs.values()) tab.post({ t: "debug", what, detail });
  }
}
