/** The tab's side of the chat list. */

import type { Chat, ChatList, Rooms } from "./api.js";
import type { HubEvent } from "./core/types.js";
import type { Link } from "./link.js";
import type { Snapshot } from "./messages.js";
import type { Ask } from "./people.js";
import { Value } from "./readable.js";
import type { Fields, RoomId, ServerEvent } from "./wire.js";

type Head = Snapshot["head"];

export class RoomList implements Rooms {
  readonly list = new Value<ChatList>({
    ...{ chats: [], unread: 0, mentions: 0, total: 0, hasMore: false, status: "empty" },
  });
  readonly online = new Value<ReadonlyMap<RoomId, number | undefined>>(new Map());
  readonly #ask: Ask;
  readonly #link: Link;
  readonly #rows = new Map<RoomId, Chat>();
  #head: Head = { status: "empty", total: 0, hasMore: false };
  #due = false;
  /** The page of public rooms that is watched. */
  #watched: Fields<"public_rooms"> | undefined;

  constructor(ask: Ask, link: Link) {
    this.#ask = ask;
    this.#link = link;
  }

  get(room: RoomId): Chat | undefined {
    return this.#rows.get(room);
  }

  async loadMore(): Promise<void> {
    await this.#link.more();
  }

  openDirect: Rooms["openDirect"] = (peer) => this.#ask("open_direct", { peer });

  /** With an id of its own, so that asking twice makes one room. */
  create: Rooms["create"] = (room) => {
    const request_id = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
    return this.#ask("create_room", { request_id, ...room });
  };

  update: Rooms["update"] = (room, change) => this.#ask("update_room", { room, ...change });

  join: Rooms["join"] = (room) => this.#ask("join", { room });

  leave: Rooms["leave"] = async (room, options = {}) =>
    void (await this.#ask("leave", { room, ...options }));

  invite: Rooms["invite"] = (room, users) => this.#ask("invite", { room, users });

  remove: Rooms["remove"] = async (room, user) => void (await this.#ask("remove", { room, user }));

  setRole: Rooms["setRole"] = async (room, user, role) =>
    void (await this.#ask("set_role", { room, user, role }));

  members: Rooms["members"] = (room, page = {}) => this.#ask("members", { room, ...page });

  pin: Rooms["pin"] = async (room, pinned) =>
    void (await this.#ask("update_chat", { room, pinned }));

  mute: Rooms["mute"] = async (room, muted) =>
    void (await this.#ask("update_chat", { room, muted }));

  markRead(room: RoomId, seq?: number): void {
    this.#link.post(seq === undefined ? { t: "read", room } : { t: "read", room, seq });
  }

  public: Rooms["public"] = async (query = {}) => {
    const page = await this.#ask("public_rooms", query);
    if (query.watch !== undefined) {
      this.#watched = query.watch ? query : undefined;
      const online = page.rooms.map(({ room, online }) => [room, online] as const);
      this.online.set(new Map(query.watch ? online : []));
    }
    return page;
  };

  // ------------------------------------------------------------------------------------- what is told

  snapshot(chats: readonly Chat[], head: Head): void {
    this.#rows.clear();
    for (const chat of chats) this.#rows.set(chat.room, chat);
    this.#head = head;
    this.#changed();
  }

  told({ changed, removed, status, total, hasMore }: Extract<HubEvent, { type: "rooms" }>): void {
    for (const chat of changed) this.#rows.set(chat.room, chat);
    for (const room of removed) this.#rows.delete(room);
    this.#head = { status, total, hasMore };
    this.#changed();
  }

  crowd({ room, online }: Extract<ServerEvent, { type: "room_online" }>): void {
    if (!this.#watched || !this.online.get().has(room)) return;
    this.online.set(new Map(this.online.get()).set(room, online));
  }

  /** The new connection watches nothing yet. */
  welcome(): void {
    if (this.#watched) this.public(this.#watched).catch(() => {});
  }

  #changed(): void {
    if (this.#due) return;
    this.#due = true;
    queueMicrotask(() => {
      this.#due = false;
      this.list.set(this.#build());
    });
  }

  #build(): ChatList {
    const chats = [...this.#rows.values()].sort(before);
    let [unread, mentions] = [0, 0];
    for (const chat of chats) {
      if (chat.muted) continue;
      unread += chat.unread;
      mentions += chat.mentions;
    }
    return { chats, unread, mentions, ...this.#head };
  }
}

/** Pinned first, then by last activity; those whose activity is not known are older than all others. */
function before(a: Chat, b: Chat): number {
  if (a.pinned !== b.pinned) return a.pinned ? -1 : 1;
  const [x, y] = [a.active_at ?? "", b.active_at ?? ""];
  return x === y ? 0 : x > y ? -1 : 1;
}
