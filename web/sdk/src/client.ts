/** The client: one tab's view of everything, over a link to the hub. */

import type {
  Client,
  ClientEvents,
  ClientOptions,
  ConnectionState,
  Off,
  Sending,
  StorageTrouble,
  Store,
  Timeline,
  TimelineOptions,
  TokenRequest,
  WebSocketConstructor,
} from "./api.js";
import type { HubEvent, HubState } from "./core/types.js";
import { HubbubError, Unauthorized } from "./errors.js";
import type { HubParts } from "./hub.js";
import { SIGNED_OUT, type HubConfig, type Snapshot, type ToTab } from "./messages.js";
import { Link, type Transport, type TransportFactory } from "./link.js";
import { SendQueue } from "./outbox.js";
import { contacts, PeopleCards, Watching, type Ask } from "./people.js";
import { Emitter, Value } from "./readable.js";
import { RoomList } from "./rooms.js";
import { indexedDbStore, memoryStore } from "./store.js";
import { alone, leader, sharedName, worker } from "./tabs.js";
import { handle, RoomWindow, type WindowParts } from "./timeline.js";
import type { Answer, Body, CommandName, Fields, ServerEvent } from "./wire.js";

const LOGOUT_TIMEOUT = 5_000;

export class HubbubClient implements Client {
  readonly user: string;
  readonly state = new Value<ConnectionState>({ state: "idle" });
  readonly sharing = new Value<Transport["kind"] | undefined>(undefined);
  readonly rooms: RoomList;
  readonly outbox: SendQueue;
  readonly people: PeopleCards;
  readonly contacts;
  readonly presence: Watching;
  readonly #options: ClientOptions;
  readonly #store: Store;
  readonly #link: Link;
  readonly #emitter = new Emitter<ClientEvents>();
  readonly #windows = new Map<string, { window: RoomWindow; parts: WindowParts }>();
  readonly #ask: Ask = (name, fields) => this.call(name, fields);
  readonly #complained = new Set<string>();
  #attended: string | undefined;
  #unlisten: Off[] = [];
  #closed = false;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.user = options.session.user;
    const config = hubConfig(options);
    this.#store = options.store ?? defaultStore(config);
    this.#link = new Link(config, factories(options, config, this.#store), {
      snapshot: (snapshot, kind) => this.#snapshot(snapshot, kind),
      event: (event) => this.#told(event),
      other: (message) => this.#other(message),
    });
    this.rooms = new RoomList(this.#ask, this.#link);
    this.outbox = new SendQueue(this.#store, this.#link, {
      storage: (trouble) => this.#storage(trouble),
      changed: (room) => this.#windows.get(room)?.window.changed(),
    });
    this.people = new PeopleCards(this.#ask, this.#store);
    this.contacts = contacts(this.#ask);
    this.presence = new Watching((users) => this.#link.post({ t: "watch", users }));
    this.#listen();
    this.#link.open();
  }

  connect(): void {
    this.#link.post({ t: "connect" });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const off of this.#unlisten) off();
    for (const { window } of this.#windows.values()) window.close();
    this.#link.close();
    this.#turn({ state: "closed", code: 1000, reason: "closed" });
  }

  async logout(everywhere?: "everywhere"): Promise<void> {
    const command = everywhere ? "logout_everywhere" : "logout";
    const late = new Promise((resolve) => setTimeout(resolve, LOGOUT_TIMEOUT));
    // The close may come before the answer; without a connection the login ends by itself.
    if (this.state.get().state === "live") {
      await Promise.race([this.call(command, {}).catch(() => {}), late]);
    }
    this.#link.post({ t: "logout" });
    for (const { window } of this.#windows.values()) window.forget();
    await this.#store.clear().catch(() => {});
    this.close();
  }

  timeline(room: string, options: TimelineOptions = {}): Timeline {
    let known = this.#windows.get(room);
    if (!known) {
      const parts: WindowParts = {
        user: this.user,
        ask: this.#ask,
        store: this.#store,
        outbox: this.outbox,
        live: () => this.state.get().state === "live",
        marker: () => this.rooms.get(room)?.last_read_seq ?? 0,
        unread: () => this.rooms.get(room)?.unread ?? 0,
        typing: () => this.rooms.get(room)?.typing ?? [],
        markRead: (seq) => this.rooms.markRead(room, seq),
        dropped: () => {
          this.#windows.get(room)?.window.close();
          this.#windows.delete(room);
        },
      };
      known = { window: new RoomWindow(room, parts, options), parts };
      this.#windows.set(room, known);
    }
    return handle(known.window, known.parts);
  }

  send(room: string, body: Body | string): Sending {
    return this.outbox.send(room, body);
  }

  attend(room: string | undefined): void {
    this.#attended = room;
    this.#tab();
  }

  call<K extends CommandName>(name: K, fields: Fields<K>): Promise<Answer<K>> {
    return this.#link.call(name, fields) as Promise<Answer<K>>;
  }

  on<K extends keyof ClientEvents>(name: K, listener: (event: ClientEvents[K]) => void): Off {
    return this.#emitter.on(name, listener);
  }

  // -------------------------------------------------------------------------------- what the hub tells

  #snapshot({ state, chats, head, outbox, presence }: Snapshot, kind: Transport["kind"]): void {
    this.sharing.set(kind);
    this.rooms.snapshot(chats, head);
    this.outbox.snapshot(outbox);
    this.presence.told(presence);
    this.#turn(absolute(state));
    if (state.state !== "live") return;
    // What another hub told meanwhile was not heard here.
    for (const { window } of this.#windows.values()) void window.again();
  }

  #told(event: HubEvent): void {
    switch (event.type) {
      case "state":
        return this.#turn(absolute(event.state));
      case "rooms":
        this.rooms.told(event);
        for (const { room } of event.changed) this.#windows.get(room)?.window.changed();
        return;
      case "outbox":
        this.outbox.told(event.entry);
        if (event.entry.status === "failed") this.#refused(event.entry.client_id);
        return;
      case "discarded":
        return this.outbox.discarded(event.client_id);
      case "sent": {
        const { type: _, ...sent } = event;
        const pending = this.outbox.sent(event.client_id, sent);
        if (pending) this.#windows.get(event.room)?.window.sent(pending);
        return this.#emitter.emit("sent", sent);
      }
      case "welcome":
        return this.#welcome(event);
      case "event":
        return this.#event(event.event);
      default:
    }
  }

  #welcome({ epoch, resumed, gaps }: Extract<HubEvent, { type: "welcome" }>): void {
    for (const [room, { window }] of this.#windows) {
      window.welcome(epoch, gaps === "all" || gaps.includes(room));
    }
    this.rooms.welcome();
    this.#emitter.emit("welcome", { resumed });
  }

  #event(event: ServerEvent): void {
    if ("room" in event && event.room) this.#windows.get(event.room)?.window.event(event);
    if (event.type === "epoch") {
      for (const { window } of this.#windows.values()) window.epoch(event.epoch);
    }
    if (event.type === "presence") this.presence.told([event]);
    if (event.type === "room_online") this.rooms.crowd(event);
    this.#emitter.emit("event", event);
    this.#emitter.emit(event.type, event as never);
  }

  #other(message: Exclude<ToTab, { t: "snapshot" | "batch" }>): void {
    switch (message.t) {
      case "token":
        return void this.#token(message.id, { reason: message.reason });
      case "notice": {
        const { t: _, ...notice } = message;
        return this.#emitter.emit("notice", notice);
      }
      case "storage":
        return this.#storage(message.trouble);
      case "debug":
        return this.#options.debug?.(message.what, message.detail);
      default:
    }
  }

  async #token(id: number, request: TokenRequest): Promise<void> {
    try {
      const token = await this.#options.session.getToken(request);
      this.#link.post({ t: "token", id, token });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const final = error instanceof Unauthorized;
      this.#link.post({ t: "no_token", id, final, reason });
    }
  }

  #turn(state: ConnectionState): void {
    if (state.state === "closed" && state.reason === SIGNED_OUT) {
      for (const { window } of this.#windows.values()) window.forget();
    }
    this.#options.debug?.("state", state);
    this.state.set(state);
    this.#emitter.emit("state", state);
  }

  #refused(client_id: string): void {
    const pending = this.outbox.shown(client_id);
    if (pending) this.#emitter.emit("refused", pending);
  }

  #storage(trouble: StorageTrouble): void {
    if (this.#complained.has(trouble.kind)) return;
    this.#complained.add(trouble.kind);
    this.#emitter.emit("storage", trouble);
  }

  // ------------------------------------------------------------------------------------- what goes on

  #tab(): void {
    const visible = typeof document === "object" && document.visibilityState === "visible";
    this.#link.post({ t: "tab", visible, room: this.#attended });
  }

  #listen(): void {
    this.#tab();
    if (typeof addEventListener !== "function") return;
    const on = (target: EventTarget, name: string, work: (event: Event) => void) => {
      target.addEventListener(name, work);
      this.#unlisten.push(() => target.removeEventListener(name, work));
    };
    for (const online of [true, false]) {
      on(globalThis as unknown as EventTarget, online ? "online" : "offline", () =>
        this.#link.post({ t: "network", online }),
      );
    }
    if (typeof document !== "object") return;
    on(document, "visibilitychange", () => {
      this.#tab();
      if (document.visibilityState === "visible") this.#link.post({ t: "wake" });
    });
    on(window, "focus", () => this.#tab());
    on(window, "pagehide", () => this.#link.post({ t: "bye" }));
    on(window, "pageshow", (event) => {
      if ((event as PageTransitionEvent).persisted) this.#link.again();
    });
  }
}

/** Times of the hub are relative: it may run on another clock. */
function absolute(state: HubState): ConnectionState {
  if (state.state !== "waiting") return state;
  const { retryIn, ...rest } = state;
  return { ...rest, retryAt: Date.now() + retryIn };
}

function hubConfig(options: ClientOptions): HubConfig {
  return {
    url: new URL(options.url).href,
    user: options.session.user,
    debug: options.debug !== undefined,
    core: {
      backoffMin: options.backoff?.min ?? 500,
      backoffMax: options.backoff?.max ?? 20_000,
      callTimeout: options.callTimeout ?? 10_000,
      deliveryReceipts: options.deliveryReceipts ?? true,
    },
  };
}

function defaultStore(config: HubConfig): Store {
  return typeof indexedDB === "object" ? indexedDbStore(sharedName(config)) : memoryStore();
}

/** The ways to a hub, the best first. What cannot travel to another tab or a worker keeps the hub here. */
function factories(options: ClientOptions, config: HubConfig, store: Store): TransportFactory[] {
  const websocket = options.websocket ?? (globalThis.WebSocket as WebSocketConstructor | undefined);
  if (!websocket && typeof SharedWorker !== "function") {
    throw new HubbubError({
      code: "bad_request",
      message: "this platform has no WebSocket: pass one as the option `websocket`",
      retryable: false,
    });
  }
  const parts = (): HubParts => ({ store, websocket: websocket as WebSocketConstructor });
  const tabs = options.tabs ?? "auto";
  const own = options.store !== undefined || options.websocket !== undefined;
  const ways: TransportFactory[] = [];
  if (tabs === "worker" || (tabs === "auto" && !own)) ways.push(worker(config, options.worker));
  if (tabs === "leader" || (tabs === "auto" && !own)) ways.push(leader(config, parts));
  ways.push(alone(config, parts));
  return ways;
}
