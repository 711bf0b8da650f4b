/** Written by scripts/generate.mjs from docs/asyncapi.yaml; a test compares. */

/** Every command: its fields, and its answer. */
export interface Commands {
  accept_contact: [fields: AcceptContact, answer: Readonly<Record<never, never>>];
  block: [fields: Block, answer: Readonly<Record<never, never>>];
  blocks: [fields: Blocks, answer: UsersPage];
  chats: [fields: Chats, answer: ChatsPage];
  contacts: [fields: ContactsFields, answer: ContactsPage];
  create_room: [fields: CreateRoom, answer: Created];
  decline_contact: [fields: DeclineContact, answer: Readonly<Record<never, never>>];
  delete: [fields: Delete, answer: Revised];
  delivered: [fields: Delivered, answer: Readonly<Record<never, never>>];
  edit: [fields: Edit, answer: Revised];
  edits: [fields: Edits, answer: EditsPage];
  history: [fields: History, answer: HistoryPage];
  invite: [fields: Invite, answer: Invited];
  join: [fields: Join, answer: OpenedRoom];
  leave: [fields: Leave, answer: Readonly<Record<never, never>>];
  logout: [fields: Readonly<Record<never, never>>, answer: Readonly<Record<never, never>>];
  logout_everywhere: [fields: Readonly<Record<never, never>>, answer: Readonly<Record<never, never>>];
  me: [fields: Readonly<Record<never, never>>, answer: Myself];
  members: [fields: Members, answer: MembersPage];
  open_direct: [fields: OpenDirect, answer: OpenedRoom];
  profiles: [fields: Profiles, answer: UsersPage];
  public_rooms: [fields: PublicRooms, answer: PublicRoomsPage];
  react: [fields: React, answer: Reacted];
  read: [fields: Read, answer: Unread];
  receipts: [fields: ReceiptsFields, answer: Receipts];
  remove: [fields: Remove, answer: Readonly<Record<never, never>>];
  remove_contact: [fields: RemoveContact, answer: Readonly<Record<never, never>>];
  request_contact: [fields: RequestContact, answer: Standing];
  send: [fields: Send, answer: Appended];
  set_role: [fields: SetRole, answer: Readonly<Record<never, never>>];
  typing: [fields: Typing, answer: Readonly<Record<never, never>>];
  unblock: [fields: Unblock, answer: Readonly<Record<never, never>>];
  update_chat: [fields: UpdateChat, answer: Readonly<Record<never, never>>];
  update_me: [fields: UpdateMe, answer: Myself];
  update_room: [fields: UpdateRoom, answer: Room];
  users: [fields: SearchUsers, answer: UsersPage];
  watch: [fields: Watch, answer: Watched];
}

/** Every event, by its `type`. */
export interface ServerEvents {
  /** Your chatRecord changed (on another device). */
  chat: {
  readonly last_read_seq: Seq;
  readonly muted: boolean;
  readonly pinned: boolean;
  readonly room: RoomId;
};
  /** You and somebody else stand differently to each other. */
  contact: {
  readonly state: ContactState;
  readonly user: UserId;
};
  /** Durable: a message lost its body. */
  deleted: {
  readonly at: Timestamp;
  readonly by: UserId;
  readonly rev: Rev;
  readonly room: RoomId;
  readonly seq: Seq;
};
  /** Ephemeral: the room's messages have reached another member's device so far. */
  delivered: {
  readonly room: RoomId;
  readonly seq: Seq;
  readonly user: UserId;
};
  /** Durable: a message has another body (none when it was deleted since). */
  edited: {
  readonly at: Timestamp;
  readonly body?: Body;
  readonly rev: Rev;
  readonly room: RoomId;
  readonly seq: Seq;
};
  /** The connection's revisions belong to this epoch from now on: hand it back in `resume`. */
  epoch: {
  readonly epoch: string;
};
  /** The token expires then: send `refresh`. */
  expiring: {
  readonly expires_at: Timestamp;
};
  /** You came into a room; live events continue from its `rev`. */
  joined: WelcomeRoom;
  /** You are no longer in this room: nothing more comes from it. */
  left: {
  readonly room: RoomId;
};
  /** Durable: somebody said something, or the room tells what happened to it. */
  message: Message;
  /** This node is closing, or holds more than the others: reconnect after that many milliseconds. */
  moving: {
  readonly after_ms: number;
};
  /** The client was silent for the heartbeat interval: any request answers, `ping` is the cheapest. */
  ping: Readonly<Record<never, never>>;
  /** Somebody you watch is online, away or offline now. */
  presence: Presence;
  /** What another service of the deployment has to tell. Not stored: it may be lost. */
  pushed: PushedView;
  /** Durable: a reaction came or went. */
  reacted: {
  readonly emoji: string;
  readonly on: boolean;
  readonly rev: Rev;
  readonly room: RoomId;
  readonly seq: Seq;
  readonly user: UserId;
};
  /** Ephemeral: another member has read so far, and so has received it. Only the newest counts. */
  read: {
  readonly room: RoomId;
  readonly seq: Seq;
  readonly user: UserId;
};
  /** What you hold of this room is too old to be continued: here is the newest page instead. */
  reset: {
  readonly epoch: string;
  readonly has_more: boolean;
  readonly messages: readonly Message[];
  readonly rev: Rev;
  readonly room: RoomId;
};
  /** Your role in a room is another. */
  role: {
  readonly role: Role;
  readonly room: RoomId;
};
  /** The room itself changed: name, topic, state, number of members. */
  room: Room;
  /** So many members of a public room you look at are connected now; without a number nobody can say. */
  room_online: {
  readonly online?: number;
  readonly room: RoomId;
};
  /** Somebody else in the room began to type, or stopped. */
  typing: {
  readonly on: boolean;
  readonly room: RoomId;
  readonly user: UserId;
};
  /**
   * You are still a member, and nothing comes from this room until you ask for its history: you are in
   * more rooms than a connection follows, and it was the least active.
   */
  unfollowed: {
  readonly room: RoomId;
};
}

export interface AcceptContact {
  readonly user: UserId;
}

/** The answer to `send`: stored, and where. */
export interface Appended {
  readonly created_at: Timestamp;
  /** It had been stored before: this is the first one's place. */
  readonly duplicate: boolean;
  readonly message_id: MessageId;
  readonly rev: Rev;
  readonly seq: Seq;
}

/** A file that belongs to a message. hubbub stores the reference and never fetches it. */
export interface Attachment {
  readonly content_type?: string;
  readonly height?: number;
  readonly name?: string;
  /** A ThumbHash in base64: what a picture looks like from afar. */
  readonly preview?: string;
  readonly size_bytes?: number;
  /** `https:`, `http:`, or a path on this server (`/…`). */
  readonly url: string;
  /**
   * Pixels of a picture or video, as the sender says: clients reserve its place before it comes.
   * Both or neither.
   */
  readonly width?: number;
}

/** For whom something is. */
export type Audience = "everyone" | "contacts" | "nobody";

export interface Block {
  readonly user: UserId;
}

export interface Blocks {
  readonly cursor?: string;
  readonly limit?: number;
}

/** The content of a message. Made by [`Body::new`]; at least a text or an attachment. */
export interface Body {
  readonly attachments?: readonly Attachment[];
  readonly mentions?: readonly UserId[];
  readonly reply_to?: Seq;
  readonly text?: string;
}

/** A chatRecord: one of the user's conversations. */
export interface ChatRecord extends Room {
  /** When the last message was stored, or the chat began. */
  readonly active_at: Timestamp;
  readonly last_message?: Message;
  readonly last_read_seq: Seq;
  /** How many of the unread messages mention the user. */
  readonly mentions?: number;
  readonly muted: boolean;
  readonly peer?: UserId;
  readonly pinned: boolean;
  readonly rev: Rev;
  readonly role: Role;
  readonly seq: Seq;
  readonly unread: number;
}

export interface Chats {
  readonly cursor?: string;
  readonly limit?: number;
  /** Only the pinned ones. */
  readonly pinned?: boolean;
}

/** The answer to `chats`: newest activity first. */
export interface ChatsPage {
  readonly chats: readonly ChatRecord[];
  readonly next_cursor?: string;
}

/** The client's own id, at most 64 bytes of UTF-8: what makes a retry the same. */
export type ClientId = string;

/** Somebody in the user's list. */
export interface Contact extends Person {
  readonly changed_at: Timestamp;
  readonly state: ContactState;
}

/** How somebody stands to the user. */
export type ContactState = "none" | "outgoing" | "incoming" | "contact";

export interface ContactsFields {
  readonly cursor?: string;
  readonly limit?: number;
  readonly state?: ContactState;
}

/** The answer to `contacts`: by user id. */
export interface ContactsPage {
  readonly contacts: readonly Contact[];
  readonly next_cursor?: string;
}

export interface CreateRoom {
  readonly kind?: RoomKind;
  readonly members?: readonly UserId[];
  readonly name: string;
  readonly request_id?: ClientId;
  readonly topic?: string;
}

/** The answer to `create_room`. */
export interface Created extends Room {
  /** Those who may not be added by the user, and were left out. */
  readonly refused?: readonly UserId[];
}

export interface DeclineContact {
  /** That user's later requests are refused, until one asks them. */
  readonly for_good?: boolean;
  readonly user: UserId;
}

export interface Delete {
  readonly room: RoomId;
  readonly seq: Seq;
}

export interface Delivered {
  readonly room: RoomId;
  readonly seq: Seq;
}

export interface Edit {
  readonly body: Body;
  readonly room: RoomId;
  readonly seq: Seq;
}

/** The newest versions, or those before a revision. */
export interface Edits {
  readonly before_rev?: Rev;
  readonly limit?: number;
  readonly room: RoomId;
  readonly seq: Seq;
}

/** The answer to `edits`: newest first. */
export interface EditsPage {
  /** There are older ones. */
  readonly has_more: boolean;
  readonly versions: readonly Version[];
}

/** At most one of the anchors; none means the newest page. */
export interface History {
  readonly after_seq?: Seq;
  readonly around_seq?: Seq;
  readonly before_seq?: Seq;
  readonly before_time?: Timestamp;
  readonly limit?: number;
  readonly room: RoomId;
}

/** The answer to `history`: oldest first. */
export interface HistoryPage {
  readonly epoch: string;
  /** There is more in the direction of the request (without a direction: older). */
  readonly has_more: boolean;
  readonly has_newer: boolean;
  readonly messages: readonly Message[];
  readonly rev: Rev;
  /** The room's head when the page was read. */
  readonly seq: Seq;
  /** Who else types in the room, with its newest page; absent when nobody can say. */
  readonly typing?: readonly UserId[];
}

export interface Invite {
  readonly room: RoomId;
  readonly users: readonly UserId[];
}

/** The answer to `invite`. */
export interface Invited {
  /** Those who were not members before. */
  readonly added: readonly UserId[];
  /** Those who may not be added by the user, and were left out. */
  readonly refused?: readonly UserId[];
}

export interface Join {
  readonly room: RoomId;
}

export interface Leave {
  /** True: nobody adds the user again. False: contacts may. Also good after having left. */
  readonly for_good?: boolean;
  readonly room: RoomId;
}

/** The bounds this server holds a client to. docs/protocol.md says what happens at each. */
export interface Limits {
  readonly attachments: number;
  /** How long a body may come to a halt. */
  readonly body_silence_ms: number;
  readonly connections_per_address: number;
  readonly connections_per_user: number;
  readonly connects_per_address_per_second: number;
  readonly emoji_per_message: number;
  readonly frame_bytes: number;
  readonly group_members: number;
  /** Of the first frame. */
  readonly hello_frame_bytes: number;
  readonly mentions: number;
  readonly outbox_bytes: number;
  /** Messages in a page. */
  readonly page: number;
  /** By all connections of a node together. */
  readonly public_rooms_watched: number;
  readonly rate_refusals_in_a_row: number;
  readonly reactions_per_message: number;
  /** Of one person to one message. */
  readonly reactions_per_user: number;
  /** Members of a room in which `receipts` can be asked for. */
  readonly receipts_asked_members: number;
  /** Members of a room that are told of each other's markers. */
  readonly receipts_told_members: number;
  readonly requests_burst: number;
  readonly requests_per_second: number;
  readonly rooms_followed: number;
  readonly rooms_made_burst: number;
  readonly rooms_made_per_hour: number;
  readonly sends_burst: number;
  readonly sends_per_second: number;
  readonly sessions_burst: number;
  readonly sessions_per_second: number;
  readonly slow_mode_seconds: number;
  readonly text_chars: number;
  readonly typists: number;
  readonly unfinished_bytes_per_address: number;
  readonly users_added_burst: number;
  readonly users_added_per_hour: number;
  readonly users_watched: number;
}

/** A member of a room. */
export interface Member {
  readonly joined_at: Timestamp;
  readonly role: Role;
  readonly user: UserId;
}

export interface Members {
  readonly cursor?: string;
  readonly limit?: number;
  readonly room: RoomId;
}

/** The answer to `members`. */
export interface MembersPage {
  readonly members: readonly Member[];
  readonly next_cursor?: string;
}

/** A message as it stands now. */
export interface Message extends MessageContent {
  readonly client_id: ClientId;
  readonly created_at: Timestamp;
  readonly edited_at?: Timestamp;
  readonly message_id: MessageId;
  readonly reactions?: readonly Reaction[];
  readonly rev: Rev;
  readonly room: RoomId;
  readonly sender: UserId;
  readonly seq: Seq;
}

/** Exactly one of `body`, `system` and `deleted`. */
export interface MessageContent {
  readonly body?: Body;
  readonly system?: SystemNotice;
  readonly deleted?: boolean;
}

/** A message, whatever becomes of its text. */
export type MessageId = string;

/** The answer to `me` and `update_me`: the user, and what only they see of themself. */
export interface Myself extends Person {
  readonly groups_from: Audience;
  readonly presence_to: Audience;
}

export interface OpenDirect {
  readonly peer: UserId;
}

/** The answer to `open_direct` and `join`: the room and where it stands. */
export interface OpenedRoom extends Room {
  /** Made by this request. */
  readonly created: boolean;
  readonly rev: Rev;
  readonly seq: Seq;
  /** Who else types in the room; absent when nobody can say. */
  readonly typing?: readonly UserId[];
}

/** Somebody, the same for everybody who looks. */
export interface Person {
  readonly avatar_url?: string;
  /** `#rrggbb`. */
  readonly colour: string;
  readonly created_at: Timestamp;
  readonly display_name: string;
  readonly expires_at?: Timestamp;
  readonly kind: UserKind;
  /** Normalised and case folded. */
  readonly name: string;
  readonly user: UserId;
}

/** A user's presence. Of two the one with the greater `version` is the newer; `unknown` replaces any. */
export interface Presence {
  readonly last_seen?: Timestamp;
  readonly state: PresenceState;
  readonly user: UserId;
  readonly version: number;
}

/** Whether somebody is there. */
export type PresenceState = "online" | "away" | "offline" | "unknown";

export interface Profiles {
  readonly users: readonly UserId[];
}

export interface PublicRooms {
  readonly cursor?: string;
  readonly limit?: number;
  readonly prefix?: string;
  /** True: be told how many are in the rooms of this page from now on, and of no others. False: of none. */
  readonly watch?: boolean;
}

/** The answer to `public_rooms`: by name. */
export interface PublicRoomsPage {
  readonly next_cursor?: string;
  readonly rooms: readonly Room[];
}

/** What another service tells a user, or everybody who follows a room. Not stored. */
export interface PushedView {
  readonly name: string;
  readonly payload: unknown;
  /** The service's own id: the same again is the same push, told again. */
  readonly push_id?: string;
  readonly room?: RoomId;
}

export interface React {
  readonly emoji: string;
  readonly on?: boolean;
  readonly room: RoomId;
  readonly seq: Seq;
}

/** The answer to `react`. */
export interface Reacted {
  /** False when it was already so. */
  readonly changed: boolean;
  readonly rev: Rev;
}

/** One person's reaction to a message. */
export interface Reaction {
  readonly emoji: string;
  readonly user: UserId;
}

export interface Read {
  readonly room: RoomId;
  readonly seq: Seq;
}

/**
 * The answer to `receipts`: everybody who was a member when the message came and still is, except its
 * sender, in exactly one of three lists.
 */
export interface Receipts {
  readonly delivered: readonly UserId[];
  readonly read: readonly UserId[];
  readonly sender: UserId;
  readonly sent: readonly UserId[];
}

export interface ReceiptsFields {
  readonly room: RoomId;
  readonly seq: Seq;
}

/** A refusal. */
export interface Refusal {
  readonly code: ServerErrorCode;
  /** Names the field and the problem. */
  readonly message: string;
  readonly retry_after_ms?: number;
  readonly retryable: boolean;
}

export interface Remove {
  readonly room: RoomId;
  readonly user: UserId;
}

export interface RemoveContact {
  readonly user: UserId;
}

export interface RequestContact {
  readonly user: UserId;
}

/** A change's place among all changes of its room: 1, 2, 3, … without a gap. */
export type Rev = number;

/** The answer to `edit` and `delete`. */
export interface Revised {
  readonly at: Timestamp;
  readonly rev: Rev;
}

/** A member's standing, in rising order. */
export type Role = "member" | "admin" | "owner";

/** A room, the same for all of its members. */
export interface Room {
  readonly created_at: Timestamp;
  readonly kind: RoomKind;
  readonly member_count: number;
  /** Empty for direct rooms. */
  readonly name: string;
  /** How many of its members are connected now; on the list of public rooms, when it is known. */
  readonly online?: number;
  readonly room: RoomId;
  /** The least time between two messages of a member; left out when there is none. */
  readonly slow_mode_seconds?: number;
  readonly state: RoomState;
  readonly topic?: string;
  /** The two people of a direct room. */
  readonly users?: readonly UserId[];
}

/** A conversation room. */
export type RoomId = string;

/** What a room is for. It never changes. */
export type RoomKind = "direct" | "group" | "public";

/** What may happen in a room. */
export type RoomState = "open" | "read_only" | "dissolved";

export interface SearchUsers {
  readonly cursor?: string;
  readonly limit?: number;
  /** What the name starts with, however it is typed. */
  readonly prefix: string;
}

export interface Send {
  readonly body: Body;
  readonly client_id: ClientId;
  readonly room: RoomId;
}

/** A message's place in its room: 1, 2, 3, … without a gap; 0 is before the first. */
export type Seq = number;

/** The kind of a refusal. */
export type ServerErrorCode = "bad_request" | "unauthenticated" | "forbidden" | "banned" | "not_found" | "conflict" | "too_large" | "limit_reached" | "rate_limited" | "unavailable" | "internal";

export interface SetRole {
  readonly role: Role;
  readonly room: RoomId;
  readonly user: UserId;
}

/** The answer to `request_contact`. */
export interface Standing {
  readonly state: ContactState;
}

/**
 * What happened to a room. It stands in the room's own order, so that every gateway learns at
 * which point somebody came or went, however unreliable the bus is.
 */
export type SystemNotice = {
  readonly by: UserId;
  readonly event: "created";
} | {
  readonly event: "joined";
  readonly user: UserId;
} | {
  readonly by: UserId;
  readonly event: "invited";
  readonly user: UserId;
} | {
  readonly event: "left";
  readonly user: UserId;
} | {
  readonly by: UserId;
  readonly event: "removed";
  readonly user: UserId;
} | {
  readonly by: UserId;
  readonly event: "role_set";
  readonly role: Role;
  readonly user: UserId;
} | {
  readonly by: UserId;
  readonly event: "renamed";
  readonly name: string;
} | {
  readonly by: UserId;
  readonly event: "topic_set";
  readonly topic: string;
} | {
  readonly by: UserId;
  readonly event: "state_set";
  readonly state: RoomState;
} | {
  readonly by: UserId;
  readonly event: "slow_mode_set";
  readonly seconds: number;
} | {
  readonly event: "announced";
  readonly text: string;
};

/** RFC 3339, in UTC and to the microsecond when hubbub writes it. */
export type Timestamp = string;

export interface Typing {
  readonly on?: boolean;
  readonly room: RoomId;
}

export interface Unblock {
  readonly user: UserId;
}

/** The answer to `read`. */
export interface Unread {
  readonly last_read_seq: Seq;
  readonly mentions?: number;
  readonly rev?: Rev;
  /** The room's head when the messages were counted: later events are not in the counts. */
  readonly seq?: Seq;
  readonly unread: number;
}

export interface UpdateChat {
  readonly muted?: boolean;
  readonly pinned?: boolean;
  readonly room: RoomId;
}

/** What is left out stays. */
export interface UpdateMe {
  /** Empty, or an https address. */
  readonly avatar_url?: string;
  /** `#rrggbb`. */
  readonly colour?: string;
  /** 1 to 64 characters. */
  readonly display_name?: string;
  readonly groups_from?: Audience;
  readonly presence_to?: Audience;
}

export interface UpdateRoom {
  readonly name?: string;
  readonly room: RoomId;
  /** Seconds between two messages of a member; 0 ends it. */
  readonly slow_mode_seconds?: number;
  readonly state?: RoomState;
  readonly topic?: string;
}

/** A person, as the token's `sub` names them: at most 128 bytes of UTF-8. */
export type UserId = string;

/** Where somebody comes from. */
export type UserKind = "account" | "guest" | "external";

/** The answer to `users`, `profiles` and `blocks`. */
export interface UsersPage {
  readonly next_cursor?: string;
  readonly users: readonly Person[];
}

/** What a message said from a revision on: that of the edit, or of the message itself. */
export interface Version {
  readonly at: Timestamp;
  readonly body: Body;
  readonly rev: Rev;
}

/** Replaces the list of users whose presence is told. */
export interface Watch {
  readonly users: readonly UserId[];
}

/** The answer to `watch`: as they are now, in the order asked for. */
export interface Watched {
  readonly users: readonly Presence[];
}

/** The answer to `hello`. */
export interface Welcome {
  /** Hand it back in `resume`, with the last `rev` of each room. */
  readonly epoch: string;
  readonly expires_at: Timestamp;
  readonly heartbeat_ms: number;
  readonly limits: Limits;
  /** The rooms followed live, most recently active first. */
  readonly rooms: readonly WelcomeRoom[];
  /** How many rooms the user has; those beyond `rooms` are followed once they are opened. */
  readonly rooms_total: number;
  readonly session: string;
  readonly user: UserId;
}

/** A room at the moment of the welcome: events continue from `rev`. */
export interface WelcomeRoom {
  readonly kind: RoomKind;
  readonly last_read_seq: Seq;
  /** How many of the unread messages mention the user. */
  readonly mentions?: number;
  readonly muted: boolean;
  readonly name?: string;
  readonly peer?: UserId;
  readonly pinned: boolean;
  /** What you hold of the room means nothing: forget it. A `reset` comes. */
  readonly reset?: boolean;
  readonly rev: Rev;
  readonly role: Role;
  readonly room: RoomId;
  readonly seq: Seq;
  /** The least time between two messages of a member; left out when there is none. */
  readonly slow_mode_seconds?: number;
  readonly state: RoomState;
  readonly unread: number;
}
