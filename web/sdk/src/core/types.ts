/**
 * What goes into the core and what comes out. The core does no I/O and reads no clock: the host (`hub.ts`)
 * hands it inputs with the present time, and carries out its effects. So every behaviour can be driven by a
 * written trace, here and in other languages.
 *
 * Times are milliseconds on a monotonic scale; what leaves the core is relative, so that no part of it
 * depends on the machine's clock being right.
 */

import type { Body, Limits, RoomId, ServerEvent, Timestamp, UserId } from "../wire.js";
import type { Chat } from "../api.js";
import type { ErrorShape } from "../errors.js";

/** A message that waits to be stored. This is also its row in the store's `outbox` table. */
export interface OutboxEntry {
  readonly client_id: string;
  readonly room: RoomId;
  readonly body: Body;
  readonly created_at: Timestamp;
  /** Entries of one room are sent in this order. */
  readonly order: number;
  readonly durable: boolean;
  /** Set when it was refused for good. */
  readonly error?: ErrorShape;
}

/** An entry as tabs show it. */
export interface OutboxView extends OutboxEntry {
  readonly status: "queued" | "sending" | "failed";
  /** Milliseconds from now until it is tried again. */
  readonly retryIn?: number;
}

export type HubState =
  | { readonly state: "idle" }
  | { readonly state: "connecting"; readonly attempt: number }
  | { readonly state: "live"; readonly limits: Limits; readonly rooms_total: number }
  | {
      readonly state: "waiting";
      readonly retryIn: number;
      readonly attempt: number;
      readonly code: number;
      readonly reason: string;
      readonly offline: boolean;
    }
  | { readonly state: "closed"; readonly code: number; readonly reason: string };

/** What the core tells all tabs, in order. */
export type HubEvent =
  | { readonly type: "state"; readonly state: HubState }
  /** `gaps`: rooms whose missed events do not come; windows over them are read anew. */
  | {
      readonly type: "welcome";
      readonly user: UserId;
      readonly epoch: string;
      readonly resumed: boolean;
      readonly gaps: "all" | readonly RoomId[];
    }
  | { readonly type: "event"; readonly event: ServerEvent }
  | {
      readonly type: "rooms";
      readonly changed: readonly Chat[];
      readonly removed: readonly RoomId[];
      readonly status: "empty" | "cached" | "live";
      readonly total: number;
      readonly hasMore: boolean;
    }
  | { readonly type: "outbox"; readonly entry: OutboxView }
  | { readonly type: "discarded"; readonly client_id: string; readonly room: RoomId }
  | {
      readonly type: "sent";
      readonly client_id: string;
      readonly room: RoomId;
      readonly seq: number;
      readonly rev: number;
      readonly message_id: string;
      readonly created_at: Timestamp;
      readonly duplicate: boolean;
    }
  /** A message of somebody else that counts as unread. */
  | { readonly type: "unread"; readonly room: RoomId; readonly seq: number };

/** What the host does for the core. */
export type Effect =
  | { readonly type: "open"; readonly socket: number }
  | { readonly type: "transmit"; readonly socket: number; readonly text: string }
  | { readonly type: "disconnect"; readonly socket: number; readonly code: number }
  | { readonly type: "token"; readonly reason: "connect" | "expiring" | "refused" }
  | {
      readonly type: "settle";
      readonly call: string;
      readonly ok?: unknown;
      readonly error?: ErrorShape;
    }
  | {
      readonly type: "store";
      readonly table: "outbox" | "rooms";
      readonly key: string;
      readonly value?: unknown;
    }
  | { readonly type: "emit"; readonly event: HubEvent };

/** What the host tells the core. */
export type Input =
  | { readonly type: "start" }
  | { readonly type: "stop"; readonly code: number; readonly reason: string }
  | { readonly type: "opened"; readonly socket: number }
  | { readonly type: "frame"; readonly socket: number; readonly text: string }
  | {
      readonly type: "disconnected";
      readonly socket: number;
      readonly code: number;
      readonly reason: string;
    }
  | { readonly type: "token"; readonly token: string }
  | { readonly type: "no_token"; readonly final: boolean; readonly reason: string }
  | { readonly type: "tick" }
  /** The network came back, or went away, as the browser says. */
  | { readonly type: "network"; readonly online: boolean }
  /** The page is looked at again, or the machine woke. */
  | { readonly type: "wake" }
  | { readonly type: "call"; readonly call: string; readonly name: string; readonly fields: object }
  | {
      readonly type: "restore";
      readonly entries: readonly OutboxEntry[];
      readonly chats: readonly Chat[];
    }
  | { readonly type: "send"; readonly entry: OutboxEntry }
  | { readonly type: "retry"; readonly client_id: string }
  | { readonly type: "discard"; readonly client_id: string }
  | { readonly type: "read"; readonly room: RoomId; readonly seq?: number }
  | { readonly type: "watch"; readonly users: readonly UserId[] }
  | { readonly type: "more"; readonly call: string };

export interface CoreConfig {
  readonly backoffMin: number;
  readonly backoffMax: number;
  readonly callTimeout: number;
  readonly deliveryReceipts: boolean;
  /** Between 0 and 1. */
  readonly random: () => number;
}

export type Done = (ok: unknown, error: ErrorShape | undefined) => void;

/** What the parts of the core share. */
export interface Context {
  readonly now: number;
  readonly config: CoreConfig;
  effect(effect: Effect): void;
  emit(event: HubEvent): void;
  /** Asks the server, once it is there. `once`: fails when the connection breaks, instead of asking again. */
  request(name: string, fields: object, done: Done, options?: RequestOptions): void;
}

export interface RequestOptions {
  readonly timeout?: number;
  readonly once?: boolean;
}
