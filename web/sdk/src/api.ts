/**
 * The public API as types: what `createClient` gives. A user interface needs no protocol logic of its
 * own; it renders the values of `Readable`s and calls methods.
 */

import type { HubbubError } from "./errors.js";
import type {
  Answer,
  Body,
  CommandName,
  Contact,
  ContactState,
  Fields,
  Limits,
  Member,
  Message,
  Myself,
  OpenedRoom,
  Paged,
  Paging,
  Person,
  Presence,
  Receipts,
  Role,
  Room,
  RoomId,
  RoomKind,
  RoomState,
  ServerEvent,
  ServerEvents,
  Timestamp,
  UserId,
  Version,
} from "./wire.js";

/** Ends a subscription. Calling it again does nothing. */
export type Off = () => void;

/**
 * A value that changes. Values are immutable snapshots: a change is another object, and what did not
 * change keeps its identity, so that `===` tells whether a row must be rendered again. It fits React's
 * `useSyncExternalStore` and Vue's `shallowRef` as it is.
 */
export interface Readable<T> {
  get(): T;
  /** Called after each change, at most once per microtask; not called with the present value. */
  subscribe(listener: (value: T) => void): Off;
}

// ---------------------------------------------------------------------------------------- options

/** Why a token is asked for. */
export interface TokenRequest {
  /**
   * `connect`: a connection is opened. `expiring`: the present token ends soon, get a newer one.
   * `refused`: the server refused the last one; giving the same again closes the client.
   */
  readonly reason: "connect" | "expiring" | "refused";
}

/** Who the user is, and where access tokens come from. `Session` of `createAuth` is one. */
export interface TokenSource {
  readonly user: UserId;
  /**
   * Gives an access token. Throw `Unauthorized` when there will be none (the client closes for good);
   * any other error is retried with back-off.
   */
  getToken(request: TokenRequest): Promise<string> | string;
}

/** The part of the browser's WebSocket that is used; `ws` has it, too. */
export interface WebSocketLike {
  readonly readyState: number;
  readonly bufferedAmount: number;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

export type WebSocketConstructor = new (
  url: string,
  protocols?: string | string[],
) => WebSocketLike;

/** The tables of a `Store`. */
export type Table = "outbox" | "rooms" | "messages" | "people" | "meta";

/**
 * What survives a reload, of one user: rows of JSON-like values by table and key. The keys of a table
 * are texts, ordered by code unit. A failure of any call is survived: the client goes on without it and
 * says so by the event `storage`.
 */
export interface Store {
  /** The rows whose key begins with `prefix` (all by default), in order of key. */
  list(table: Table, prefix?: string): Promise<readonly (readonly [key: string, value: unknown])[]>;
  /** Resolves when the row would survive a crash of this page. */
  put(table: Table, key: string, value: unknown): Promise<void>;
  delete(table: Table, key: string): Promise<void>;
  /** Removes everything: the user signed out. */
  clear(): Promise<void>;
  close?(): void;
}

export interface ClientOptions {
  /** The server: `https://chat.example`, with a path if it is served below one. */
  readonly url: string | URL;
  /** Who the user is, and where tokens come from. */
  readonly session: TokenSource;
  /**
   * Several tabs of one user share one socket: `auto` (the default) takes a SharedWorker, else a leader
   * among the tabs (Web Locks and BroadcastChannel), else a socket of its own. `off`: always its own.
   */
  readonly tabs?: "auto" | "worker" | "leader" | "off";
  /**
   * The address of the SDK's worker script, if a bundler does not find it by itself
   * (`new URL("@hubbub/client/worker", import.meta.url)`).
   */
  readonly worker?: () => SharedWorker;
  /** Where the outbox and the cache live: IndexedDB where there is one, else memory. */
  readonly store?: Store;
  /** Node 20 has no WebSocket of its own: pass that of `ws`. */
  readonly websocket?: WebSocketConstructor;
  readonly fetch?: typeof globalThis.fetch;
  /** Back-off: full jitter between 0 and `min · 2^attempt`, at most `max` (500 and 20,000 ms). */
  readonly backoff?: { readonly min?: number; readonly max?: number };
  /** How long a call waits for its answer, reconnections included (10,000 ms). */
  readonly callTimeout?: number;
  /** Say `delivered` for what arrives (true). */
  readonly deliveryReceipts?: boolean;
  /** Sees what goes on: frames (without tokens), states, storage. Nothing else is ever logged. */
  readonly debug?: (what: string, detail?: unknown) => void;
}

// -------------------------------------------------------------------------------------- connection

/**
 * `idle` → `connecting` → `live` → `waiting` (until `retryAt`, or the network comes back) → `connecting`
 * …, and `closed` for good: by `close()`, or by a close code from 4500 on.
 */
export type ConnectionState =
  | { readonly state: "idle" }
  | { readonly state: "connecting"; readonly attempt: number }
  | { readonly state: "live"; readonly limits: Limits; readonly rooms_total: number }
  | {
      readonly state: "waiting";
      /** On the scale of `Date.now()`. */
      readonly retryAt: number;
      readonly attempt: number;
      readonly code: number;
      readonly reason: string;
      /** The browser says that there is no network. It is tried all the same: browsers err. */
      readonly offline: boolean;
    }
  | {
      readonly state: "closed";
      /** The close code; 1000 after `close()`, 4501 without a token. */
      readonly code: number;
      readonly reason: string;
    };

// ------------------------------------------------------------------------------------------- rooms

/** A row of the chat list. */
export interface Chat {
  readonly room: RoomId;
  readonly kind: RoomKind;
  /** Empty for direct rooms: show the `peer`'s display name. */
  readonly name: string;
  readonly peer?: UserId;
  readonly topic?: string;
  readonly state: RoomState;
  readonly role: Role;
  readonly slow_mode_seconds: number;
  /** Absent until the server said it. */
  readonly member_count?: number;
  /** The newest message's place; 0 in an empty room. */
  readonly seq: number;
  /** Exact: others' messages after the marker. */
  readonly unread: number;
  readonly mentions: number;
  readonly last_read_seq: number;
  readonly pinned: boolean;
  readonly muted: boolean;
  readonly last_message?: Message;
  readonly active_at?: Timestamp;
  /** Who types there now, without oneself. */
  readonly typing: readonly UserId[];
}

export interface ChatList {
  /** Pinned first, then by last activity. */
  readonly chats: readonly Chat[];
  /** Sums over all chats that are not muted. */
  readonly unread: number;
  readonly mentions: number;
  /** How many rooms the user has; more than `chats` holds until `loadMore` brought them. */
  readonly total: number;
  /** There are older chats at the server. */
  readonly hasMore: boolean;
  /** `cached`: from the store, not yet confirmed by a server. */
  readonly status: "empty" | "cached" | "live";
}

export interface Rooms {
  readonly list: Readable<ChatList>;
  get(room: RoomId): Chat | undefined;
  /** Loads the next page of older chats. */
  loadMore(): Promise<void>;
  openDirect(peer: UserId): Promise<OpenedRoom>;
  /** `refused` names those who may not be added by the user, and were left out. */
  create(room: Fields<"create_room">): Promise<Answer<"create_room">>;
  update(room: RoomId, change: Omit<Fields<"update_room">, "room">): Promise<Room>;
  join(room: RoomId): Promise<OpenedRoom>;
  /** `for_good`: nobody adds the user again. */
  leave(room: RoomId, options?: { readonly for_good?: boolean }): Promise<void>;
  /** `added` were not members before; `refused` may not be added by the user, and were left out. */
  invite(room: RoomId, users: readonly UserId[]): Promise<Answer<"invite">>;
  remove(room: RoomId, user: UserId): Promise<void>;
  setRole(room: RoomId, user: UserId, role: Role): Promise<void>;
  members(room: RoomId, page?: Paging): Promise<{ readonly members: readonly Member[] } & Paged>;
  pin(room: RoomId, on: boolean): Promise<void>;
  mute(room: RoomId, on: boolean): Promise<void>;
  /**
   * The user has read the room up to `seq` (its end by default). The list shows it at once; what is
   * told to the server is coalesced to two a second and room.
   */
  markRead(room: RoomId, seq?: number): void;
  /** Public rooms by name. `watch` keeps `online` of this page up to date. */
  public(query?: Fields<"public_rooms">): Promise<{ readonly rooms: readonly Room[] } & Paged>;
  /** How many are in the public rooms that are watched. */
  readonly online: Readable<ReadonlyMap<RoomId, number | undefined>>;
}

// ---------------------------------------------------------------------------------------- messages

/** How far one's own message has come. Of others' messages it is `sent`. */
export type MessageStatus = "sent" | "delivered" | "read";

/** A stored message. */
export interface TimelineMessage extends Message {
  /** Stable from `send` on: the pending message and the stored one have the same. */
  readonly key: string;
  readonly mine: boolean;
  /** `read`/`delivered`: by everybody else whose marker is known. */
  readonly status: MessageStatus;
}

/** A message of one's own that is not in the room's order yet. */
export interface PendingMessage {
  readonly key: string;
  readonly room: RoomId;
  readonly client_id: string;
  readonly body: Body;
  /** When it was written, by this machine's clock. */
  readonly created_at: Timestamp;
  /**
   * `queued`: waits for the connection, or its turn. `sending`: under way. `sent`: stored; its place in
   * the list follows. `failed`: refused for good, see `error`; retry or discard it.
   */
  readonly status: "queued" | "sending" | "sent" | "failed";
  readonly error?: HubbubError;
  /** Not before then (slow mode, rate), on the scale of `Date.now()`. */
  readonly retryAt?: number;
  /** False when it could not be stored: a reload would lose it. */
  readonly durable: boolean;
}

export interface Sending {
  readonly client_id: string;
  /** Resolves once the message would survive a reload (or could not be stored: see `storage`). */
  readonly kept: Promise<void>;
  /** Resolves with the message's place; rejects when it is refused for good or discarded. */
  readonly stored: Promise<Answer<"send">>;
}

export interface Outbox {
  /** What waits in all rooms, in the order it was written. */
  readonly pending: Readable<readonly PendingMessage[]>;
  send(room: RoomId, body: Body | string): Sending;
  /** Sends a failed message again. */
  retry(client_id: string): void;
  /** Gives a message up. One that is under way may be stored all the same. */
  discard(client_id: string): void;
}

// --------------------------------------------------------------------------------------- timelines

export interface TimelineSnapshot {
  /**
   * `loading`: nothing to show yet. `cached`: from the store, the server has not answered yet.
   * `ready`. `gone`: the user is no longer in the room. `failed`: see `error`; `reload()` tries again.
   */
  readonly status: "loading" | "cached" | "ready" | "gone" | "failed";
  readonly error?: HubbubError;
  /** Consecutive by `seq`, oldest first; never a gap. */
  readonly messages: readonly TimelineMessage[];
  /** One's own messages that are not in the order yet; shown after `messages` when `atLatest`. */
  readonly pending: readonly PendingMessage[];
  /** There are older messages than the first. */
  readonly hasOlder: boolean;
  /** The window ends at the newest message, and follows it. */
  readonly atLatest: boolean;
  /** Messages after the window. */
  readonly newer: number;
  readonly loading?: "older" | "newer" | "jump";
  /** Where the user's marker stood when the timeline was opened: the "new messages" line goes after it. */
  readonly openedAt: number;
  readonly typing: readonly UserId[];
  /** How far each other member has read and received the room, as far as it was told. */
  readonly readBy: ReadonlyMap<UserId, number>;
  readonly deliveredTo: ReadonlyMap<UserId, number>;
}

export type JumpTarget =
  | { readonly seq: number }
  /** The page that ends with the last message before this moment, and what follows it. */
  | { readonly date: Date | Timestamp }
  | "latest"
  /** The first unread message. */
  | "unread";

/** A window over a room's messages that never has a gap. */
export interface Timeline {
  readonly room: RoomId;
  readonly snapshot: Readable<TimelineSnapshot>;
  /** Resolves when the page is there; calls at the same time share one request. */
  loadOlder(): Promise<void>;
  loadNewer(): Promise<void>;
  /** Replaces the window. Resolves with the `seq` to show, if there is a message. */
  jumpTo(target: JumpTarget): Promise<number | undefined>;
  /** Fetches the window again. */
  reload(): Promise<void>;
  send(body: Body | string): Sending;
  edit(seq: number, body: Body | string): Promise<void>;
  delete(seq: number): Promise<void>;
  react(seq: number, emoji: string, on?: boolean): Promise<void>;
  receipts(seq: number): Promise<Receipts>;
  edits(
    seq: number,
    page?: { readonly before_rev?: number; readonly limit?: number },
  ): Promise<{ readonly versions: readonly Version[]; readonly has_more: boolean }>;
  markRead(seq?: number): void;
  /**
   * Call it at every keystroke: it is told once in 3 s, and ends by itself 5 s after the last call, when
   * a message is sent, or with `typing(false)`.
   */
  typing(on?: boolean): void;
  /** Ends this handle; the last one of a room frees its window. */
  close(): void;
}

export interface TimelineOptions {
  /** Messages per page, at most the server's `limits.page` (30). */
  readonly page?: number;
  /** Where it opens (`latest`). */
  readonly at?: JumpTarget;
  /** The most messages that the window keeps; the far end is dropped beyond it (1,500). */
  readonly max?: number;
}

// ------------------------------------------------------------------------------------------ people

export interface People {
  /** Everybody who was looked up so far. */
  readonly cards: Readable<ReadonlyMap<UserId, Person>>;
  /** The card if it is there; else it is fetched (together with others) and `cards` changes. */
  get(user: UserId): Person | undefined;
  /** Fetches cards that are not there yet. */
  load(users: readonly UserId[]): Promise<void>;
  me(): Promise<Myself>;
  updateMe(change: Fields<"update_me">): Promise<Myself>;
  search(prefix: string, page?: Paging): Promise<{ readonly users: readonly Person[] } & Paged>;
}

export interface Contacts {
  list(query?: Fields<"contacts">): Promise<{ readonly contacts: readonly Contact[] } & Paged>;
  request(user: UserId): Promise<ContactState>;
  accept(user: UserId): Promise<void>;
  /** `for_good`: that user's later requests are refused, until one asks them. */
  decline(user: UserId, options?: { readonly for_good?: boolean }): Promise<void>;
  remove(user: UserId): Promise<void>;
  blocks(page?: Paging): Promise<{ readonly users: readonly Person[] } & Paged>;
  block(user: UserId): Promise<void>;
  unblock(user: UserId): Promise<void>;
}

export interface Presences {
  /** Of those who are watched, by any part of the page. */
  readonly states: Readable<ReadonlyMap<UserId, Presence>>;
  /** Watches people until the returned function is called. Beyond 500 the oldest are left out. */
  watch(users: readonly UserId[]): Off;
}

// ------------------------------------------------------------------------------------------ client

/** A message from somebody else, worth a notification; exactly one of the user's tabs hears of it. */
export interface Notice {
  readonly message: Message;
  readonly chat: Chat;
  readonly mention: boolean;
}

/** Something with the store is wrong; the client goes on without it. */
export interface StorageTrouble {
  readonly kind: "full" | "denied" | "newer_version" | "failed";
  readonly message: string;
}

export interface ClientEvents extends ServerEvents {
  /** The connection's state changed. */
  state: ConnectionState;
  /** A connection was opened. `resumed`: what was missed comes as events; else rooms are read anew. */
  welcome: { readonly resumed: boolean };
  /** A message of one's own was stored. */
  sent: Answer<"send"> & { readonly room: RoomId; readonly client_id: string };
  /** A message of one's own was refused for good; it stays in the outbox until retried or discarded. */
  refused: PendingMessage;
  /** In exactly one tab: a message that nobody is looking at, in a chat that is not muted. */
  notice: Notice;
  storage: StorageTrouble;
  /** Every event, those of newer servers among them. */
  event: ServerEvent | { readonly type: string };
}

export interface Client {
  readonly user: UserId;
  readonly state: Readable<ConnectionState>;
  readonly rooms: Rooms;
  readonly outbox: Outbox;
  readonly people: People;
  readonly contacts: Contacts;
  readonly presence: Presences;
  /** How tabs share the socket, once it is known. */
  readonly sharing: Readable<"worker" | "leader" | "alone" | undefined>;
  /** Opens the connection and keeps it. Called by `createClient`, and to come back after `closed`. */
  connect(): void;
  /** Ends this client; other tabs go on. */
  close(): void;
  /**
   * Ends the login at the server if it can be reached, closes all tabs' clients, and removes what was
   * stored.
   */
  logout(everywhere?: "everywhere"): Promise<void>;
  /** The window over a room. Handles of one room share it. */
  timeline(room: RoomId, options?: TimelineOptions): Timeline;
  /** The same as `outbox.send`. */
  send(room: RoomId, body: Body | string): Sending;
  /** This tab shows that room now (or none): no notices for it while the page is visible. */
  attend(room: RoomId | undefined): void;
  /** Any command, typed. */
  call<K extends CommandName>(name: K, fields: Fields<K>): Promise<Answer<K>>;
  on<K extends keyof ClientEvents>(name: K, listener: (event: ClientEvents[K]) => void): Off;
}
