/**
 * The protocol's own shapes (`hubbub.v1+json`), as `docs/protocol.md` names them: data keeps the
 * protocol's spelling everywhere in this library, so that one reference serves both.
 *
 * Timestamps are RFC 3339 texts with microseconds; `seq` and `rev` are whole numbers below 2^53.
 */

export type RoomId = string;
export type UserId = string;
export type Timestamp = string;

export type RoomKind = "direct" | "group" | "public";
export type RoomState = "open" | "read_only" | "dissolved";
export type Role = "member" | "admin" | "owner";
export type UserKind = "account" | "guest" | "external";
export type ContactState = "none" | "outgoing" | "incoming" | "contact";
export type PresenceState = "online" | "away" | "offline" | "unknown";

/** A file that belongs to a message. */
export interface Attachment {
  readonly url: string;
  readonly name?: string;
  readonly content_type?: string;
  readonly size_bytes?: number;
  /** Pixels, of pictures and videos: a list reserves the place before the bytes come. */
  readonly width?: number;
  readonly height?: number;
  /** A ThumbHash, base64. */
  readonly preview?: string;
}

/** What a message says: a `text`, or `attachments`, or both. */
export interface Body {
  readonly text?: string;
  readonly attachments?: readonly Attachment[];
  /** The `seq` of the message that this one answers. */
  readonly reply_to?: number;
  readonly mentions?: readonly UserId[];
}

export interface Reaction {
  readonly user: UserId;
  readonly emoji: string;
}

/** What happened to a room, told by the room itself. */
export type SystemNotice =
  | { readonly event: "created"; readonly by: UserId }
  | { readonly event: "joined"; readonly user: UserId }
  | { readonly event: "invited"; readonly user: UserId; readonly by: UserId }
  | { readonly event: "left"; readonly user: UserId }
  | { readonly event: "removed"; readonly user: UserId; readonly by: UserId }
  | { readonly event: "role_set"; readonly user: UserId; readonly role: Role; readonly by: UserId }
  | { readonly event: "renamed"; readonly name: string; readonly by: UserId }
  | { readonly event: "topic_set"; readonly topic: string; readonly by: UserId }
  | { readonly event: "state_set"; readonly state: RoomState; readonly by: UserId }
  | { readonly event: "slow_mode_set"; readonly seconds: number; readonly by: UserId }
  | { readonly event: "announced"; readonly text: string };

/** A message as it stands now: exactly one of `body`, `system` and `deleted`. */
export interface Message {
  readonly room: RoomId;
  /** Its place in the room: 1, 2, 3, … without a gap. */
  readonly seq: number;
  /** When the room last changed it. */
  readonly rev: number;
  readonly message_id: string;
  readonly sender: UserId;
  readonly client_id: string;
  readonly created_at: Timestamp;
  readonly edited_at?: Timestamp;
  readonly body?: Body;
  readonly system?: SystemNotice;
  readonly deleted?: boolean;
  readonly reactions?: readonly Reaction[];
}

/** A room, the same for all of its members. */
export interface Room {
  readonly room: RoomId;
  readonly kind: RoomKind;
  /** Empty for direct rooms. */
  readonly name: string;
  readonly topic?: string;
  readonly state: RoomState;
  readonly slow_mode_seconds?: number;
  readonly member_count: number;
  /** How many members are connected; on the list of public rooms, when it is known. */
  readonly online?: number;
  readonly created_at: Timestamp;
  /** The two people of a direct room. */
  readonly users?: readonly UserId[];
}

/** A room in the answer to `hello` and in `joined`. */
export interface WelcomeRoom {
  readonly room: RoomId;
  readonly kind: RoomKind;
  readonly name?: string;
  readonly peer?: UserId;
  readonly state: RoomState;
  readonly role: Role;
  readonly seq: number;
  readonly rev: number;
  readonly unread: number;
  readonly mentions: number;
  readonly last_read_seq: number;
  readonly pinned: boolean;
  readonly muted: boolean;
  readonly slow_mode_seconds?: number;
  /** What is held of the room means nothing: a `reset` comes. */
  readonly reset?: boolean;
}

/** One of the user's conversations, as `chats` lists it. */
export interface ChatRecord extends Room {
  readonly peer?: UserId;
  readonly role: Role;
  readonly last_message?: Message;
  readonly active_at: Timestamp;
  readonly seq: number;
  readonly rev: number;
  readonly unread: number;
  readonly mentions: number;
  readonly last_read_seq: number;
  readonly pinned: boolean;
  readonly muted: boolean;
}

export interface Member {
  readonly user: UserId;
  readonly role: Role;
  readonly joined_at: Timestamp;
}

export interface Person {
  readonly user: UserId;
  readonly kind: UserKind;
  readonly name: string;
  readonly display_name: string;
  /** `#rrggbb`. */
  readonly colour: string;
  readonly avatar_url?: string;
  readonly created_at: Timestamp;
  /** When a guest ends. */
  readonly expires_at?: Timestamp;
}

/** For whom something is. */
export type Audience = "everyone" | "contacts" | "nobody";

/** The user, and what only they see of themself. */
export interface Myself extends Person {
  /** Who may add the user to rooms; absent from servers older than the field. */
  readonly groups_from?: Audience;
  /** Who sees whether the user is online. */
  readonly presence_to?: Audience;
}

export interface Contact extends Person {
  readonly state: ContactState;
  readonly changed_at: Timestamp;
}

export interface Presence {
  readonly user: UserId;
  readonly state: PresenceState;
  readonly version: number;
  readonly last_seen?: Timestamp;
}

/** The bounds that the server holds this client to. */
export interface Limits {
  readonly text_chars: number;
  readonly frame_bytes: number;
  readonly sends_per_second: number;
  readonly sends_burst: number;
  readonly page: number;
}

export interface Welcome {
  readonly session: string;
  readonly user: UserId;
  readonly epoch: string;
  readonly expires_at: Timestamp;
  readonly heartbeat_ms: number;
  readonly limits: Limits;
  readonly rooms: readonly WelcomeRoom[];
  readonly rooms_total: number;
}

export interface HistoryPage {
  /** Oldest first. */
  readonly messages: readonly Message[];
  readonly has_more: boolean;
  readonly has_newer: boolean;
  readonly seq: number;
  readonly rev: number;
  readonly epoch: string;
  readonly typing?: readonly UserId[];
}

export interface Appended {
  readonly seq: number;
  readonly rev: number;
  readonly message_id: string;
  readonly created_at: Timestamp;
  readonly duplicate: boolean;
}

export interface Unread {
  readonly last_read_seq: number;
  readonly unread: number;
  readonly mentions: number;
  /** The room's head at the moment of the count; absent from servers older than the field. */
  readonly seq?: number;
  readonly rev?: number;
}

export interface OpenedRoom extends Room {
  readonly created: boolean;
  readonly seq: number;
  readonly rev: number;
  readonly typing?: readonly UserId[];
}

/** How far a message has come with each other member. */
export interface Receipts {
  readonly sender: UserId;
  readonly sent: readonly UserId[];
  readonly delivered: readonly UserId[];
  readonly read: readonly UserId[];
}

export interface Version {
  readonly rev: number;
  readonly at: Timestamp;
  readonly body: Body;
}

/** The fields that page a list. */
export interface Paging {
  readonly cursor?: string;
  readonly limit?: number;
}

/** One page: hand `next_cursor` back for the next; absent on the last. */
export interface Paged {
  readonly next_cursor?: string;
}

type Nothing = Readonly<Record<never, never>>;

/** Every command: its fields, and its answer. */
export interface Commands {
  send: [Readonly<{ room: RoomId; client_id: string; body: Body }>, Appended];
  edit: [
    Readonly<{ room: RoomId; seq: number; body: Body }>,
    Readonly<{ rev: number; at: Timestamp }>,
  ];
  delete: [Readonly<{ room: RoomId; seq: number }>, Readonly<{ rev: number; at: Timestamp }>];
  react: [
    Readonly<{ room: RoomId; seq: number; emoji: string; on?: boolean }>,
    Readonly<{ rev: number; changed: boolean }>,
  ];
  history: [
    Readonly<{
      room: RoomId;
      before_seq?: number;
      after_seq?: number;
      around_seq?: number;
      before_time?: Timestamp;
      limit?: number;
    }>,
    HistoryPage,
  ];
  read: [Readonly<{ room: RoomId; seq: number }>, Unread];
  delivered: [Readonly<{ room: RoomId; seq: number }>, Nothing];
  receipts: [Readonly<{ room: RoomId; seq: number }>, Receipts];
  edits: [
    Readonly<{ room: RoomId; seq: number; before_rev?: number; limit?: number }>,
    Readonly<{ versions: readonly Version[]; has_more: boolean }>,
  ];
  open_direct: [Readonly<{ peer: UserId }>, OpenedRoom];
  create_room: [
    Readonly<{
      name: string;
      kind?: "group" | "public";
      topic?: string;
      members?: readonly UserId[];
      request_id?: string;
    }>,
    /** `refused`: those who may not be added by the user, and were left out. */
    Room & Readonly<{ refused?: readonly UserId[] }>,
  ];
  update_room: [
    Readonly<{
      room: RoomId;
      name?: string;
      topic?: string;
      state?: RoomState;
      slow_mode_seconds?: number;
    }>,
    Room,
  ];
  join: [Readonly<{ room: RoomId }>, OpenedRoom];
  /** `for_good`: nobody adds the user again. */
  leave: [Readonly<{ room: RoomId; for_good?: boolean }>, Nothing];
  invite: [
    Readonly<{ room: RoomId; users: readonly UserId[] }>,
    Readonly<{ added: readonly UserId[]; refused?: readonly UserId[] }>,
  ];
  remove: [Readonly<{ room: RoomId; user: UserId }>, Nothing];
  set_role: [Readonly<{ room: RoomId; user: UserId; role: Role }>, Nothing];
  members: [Readonly<{ room: RoomId }> & Paging, Readonly<{ members: readonly Member[] }> & Paged];
  chats: [
    Paging & Readonly<{ pinned?: boolean }>,
    Readonly<{ chats: readonly ChatRecord[] }> & Paged,
  ];
  update_chat: [Readonly<{ room: RoomId; pinned?: boolean; muted?: boolean }>, Nothing];
  public_rooms: [
    Paging & Readonly<{ prefix?: string; watch?: boolean }>,
    Readonly<{ rooms: readonly Room[] }> & Paged,
  ];
  typing: [Readonly<{ room: RoomId; on?: boolean }>, Nothing];
  watch: [Readonly<{ users: readonly UserId[] }>, Readonly<{ users: readonly Presence[] }>];
  me: [Nothing, Myself];
  update_me: [
    Readonly<{
      display_name?: string;
      colour?: string;
      avatar_url?: string;
      groups_from?: Audience;
      presence_to?: Audience;
    }>,
    Myself,
  ];
  users: [Readonly<{ prefix: string }> & Paging, Readonly<{ users: readonly Person[] }> & Paged];
  profiles: [
    Readonly<{ users: readonly UserId[] }>,
    Readonly<{ users: readonly Person[] }> & Paged,
  ];
  contacts: [
    Paging & Readonly<{ state?: ContactState }>,
    Readonly<{ contacts: readonly Contact[] }> & Paged,
  ];
  request_contact: [Readonly<{ user: UserId }>, Readonly<{ state: ContactState }>];
  accept_contact: [Readonly<{ user: UserId }>, Nothing];
  /** `for_good`: that user's later requests are refused, until one asks them. */
  decline_contact: [Readonly<{ user: UserId; for_good?: boolean }>, Nothing];
  remove_contact: [Readonly<{ user: UserId }>, Nothing];
  block: [Readonly<{ user: UserId }>, Nothing];
  unblock: [Readonly<{ user: UserId }>, Nothing];
  blocks: [Paging, Readonly<{ users: readonly Person[] }> & Paged];
  logout: [Nothing, Nothing];
  logout_everywhere: [Nothing, Nothing];
}

export type CommandName = keyof Commands;
/** The fields of a command. */
export type Fields<K extends CommandName> = Commands[K][0];
/** The answer to a command. */
export type Answer<K extends CommandName> = Commands[K][1];

/** Every event of the protocol, by its `type`. */
export interface ServerEvents {
  message: Message;
  edited: Readonly<{ room: RoomId; rev: number; seq: number; body?: Body; at: Timestamp }>;
  deleted: Readonly<{ room: RoomId; rev: number; seq: number; by: UserId; at: Timestamp }>;
  reacted: Readonly<{
    room: RoomId;
    rev: number;
    seq: number;
    user: UserId;
    emoji: string;
    on: boolean;
  }>;
  joined: WelcomeRoom;
  left: Readonly<{ room: RoomId }>;
  /** Still a member, but nothing comes from the room until its history is asked for. */
  unfollowed: Readonly<{ room: RoomId }>;
  role: Readonly<{ room: RoomId; role: Role }>;
  room: Room;
  chat: Readonly<{ room: RoomId; pinned: boolean; muted: boolean; last_read_seq: number }>;
  read: Readonly<{ room: RoomId; user: UserId; seq: number }>;
  delivered: Readonly<{ room: RoomId; user: UserId; seq: number }>;
  typing: Readonly<{ room: RoomId; user: UserId; on: boolean }>;
  presence: Presence;
  room_online: Readonly<{ room: RoomId; online?: number }>;
  reset: Readonly<{
    room: RoomId;
    epoch: string;
    rev: number;
    messages: readonly Message[];
    has_more: boolean;
  }>;
  epoch: Readonly<{ epoch: string }>;
  contact: Readonly<{ user: UserId; state: ContactState }>;
  pushed: Readonly<{ name: string; payload: unknown; room?: RoomId; push_id?: string }>;
  moving: Readonly<{ after_ms: number }>;
  expiring: Readonly<{ expires_at: Timestamp }>;
}

/** An event of the protocol, told apart by `type`. */
export type ServerEvent = {
  [K in keyof ServerEvents]: { readonly type: K } & ServerEvents[K];
}[keyof ServerEvents];
