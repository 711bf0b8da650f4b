/** What tabs and their hub say to each other, wherever the hub lives: all of it can be cloned. */

import type { Chat, StorageTrouble } from "./api.js";
import type { CoreConfig, HubEvent, HubState, OutboxEntry, OutboxView } from "./core/types.js";
import type { ErrorShape } from "./errors.js";
import type { Message, Presence, UserId } from "./wire.js";

/** Why a client is closed in all tabs after `logout`. */
export const SIGNED_OUT = "signed out";

/** What a tab says to the hub. */
export type ToHub =
  | { readonly t: "hello"; readonly config: HubConfig; readonly lock?: string | undefined }
  | { readonly t: "connect" | "bye" | "logout" }
  | { readonly t: "call"; readonly id: number; readonly name: string; readonly fields: object }
  | { readonly t: "more"; readonly id: number }
  | { readonly t: "send"; readonly entry: OutboxEntry }
  | { readonly t: "retry" | "discard"; readonly client_id: string }
  | { readonly t: "read"; readonly room: string; readonly seq?: number }
  | { readonly t: "watch"; readonly users: readonly UserId[] }
  /** What the tab shows, and whether it is looked at. */
  | { readonly t: "tab"; readonly visible: boolean; readonly room?: string | undefined }
  | { readonly t: "network"; readonly online: boolean }
  | { readonly t: "wake" }
  | { readonly t: "token"; readonly id: number; readonly token: string }
  | {
      readonly t: "no_token";
      readonly id: number;
      readonly final: boolean;
      readonly reason: string;
    };

/** What the hub says to a tab. */
export type ToTab =
  | { readonly t: "snapshot"; readonly snapshot: Snapshot }
  | { readonly t: "batch"; readonly items: readonly Item[] }
  | {
      readonly t: "token";
      readonly id: number;
      readonly reason: "connect" | "expiring" | "refused";
    }
  | {
      readonly t: "notice";
      readonly message: Message;
      readonly chat: Chat;
      readonly mention: boolean;
    }
  | { readonly t: "storage"; readonly trouble: StorageTrouble }
  | { readonly t: "debug"; readonly what: string; readonly detail: unknown };

export type Item =
  | { readonly event: HubEvent }
  | { readonly id: number; readonly ok?: unknown; readonly error?: ErrorShape };

/** Where everything stands: a tab begins with it. */
export interface Snapshot {
  readonly state: HubState;
  readonly chats: readonly Chat[];
  readonly head: {
    readonly status: "empty" | "cached" | "live";
    readonly total: number;
    readonly hasMore: boolean;
  };
  readonly outbox: readonly OutboxView[];
  readonly presence: readonly Presence[];
  /** A lock that is held for as long as this hub lives. */
  readonly lock?: string | undefined;
}

/** What a hub has to know; it travels between tabs and workers. */
export interface HubConfig {
  readonly url: string;
  readonly user: UserId;
  readonly debug: boolean;
  readonly core: Omit<CoreConfig, "random">;
}
