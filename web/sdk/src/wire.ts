/**
 * The protocol's own shapes (`hubbub.v1+json`), as `docs/protocol.md` names them: data keeps the
 * protocol's spelling everywhere in this library, so that one reference serves both. They are generated
 * from the server's types.
 *
 * Timestamps are RFC 3339 texts with microseconds; `seq` and `rev` are whole numbers below 2^53.
 */

import type { Commands, ServerEvents } from "./generated/protocol.js";

export type * from "./generated/protocol.js";

/** The fields that page a list. */
export interface Paging {
  readonly cursor?: string;
  readonly limit?: number;
}

/** One page: hand `next_cursor` back for the next; absent on the last. */
export interface Paged {
  readonly next_cursor?: string;
}

export type CommandName = keyof Commands;
/** The fields of a command. */
export type Fields<K extends CommandName> = Commands[K][0];
/** The answer to a command. */
export type Answer<K extends CommandName> = Commands[K][1];

/** An event of the protocol, told apart by `type`. */
export type ServerEvent = {
  [K in keyof ServerEvents]: { readonly type: K } & ServerEvents[K];
}[keyof ServerEvents];
