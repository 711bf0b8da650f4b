// What a scenario may expect of a client, whichever door it comes through.

import type { Ledger } from './ledger.ts';

export interface DoorClient {
  readonly ledger: Ledger;
  /** How often it had to come back. */
  readonly reconnects: number;
  /** Resolves with the first welcome; rejects when the cluster says not to come back. */
  join(): Promise<void>;
  /** Sends, and sends again whenever that is what a careful client does, until there is an ack. */
  send(room: string, clientId: string, text: string, dueMs: number): void;
  /** Enters a public room. */
  enter(room: string): Promise<void>;
  /** How far a room has come, in the count that the ledger of this door keeps. */
  head(room: string): Promise<number>;
  /** Goes for good. */
  leave(): Promise<void>;
}

/** Who comes, to which addresses, and at which of them it starts. */
export interface Visitor {
  user: string;
  urls: string[];
  first: number;
}
