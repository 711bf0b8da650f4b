/**
 * Getting in and staying in, by REST: accounts, guests, and a `Session` that keeps its tokens fresh. The
 * refresh token works once; tabs that share a `GrantStorage` take turns, so that no login is lost to a race.
 */

import type { TokenRequest, TokenSource } from "./api.js";
import type { Person, Timestamp } from "./wire.js";

/** What logging in gives. Keep it secret. */
export interface Grant {
  readonly access_token: string;
  readonly expires_at: Timestamp;
  readonly refresh_token: string;
  readonly refresh_expires_at: Timestamp;
  readonly login: string;
  readonly user: Person;
}

/** Where the grant survives a reload; memory by default. `localStorage` and `sessionStorage` fit. */
export interface GrantStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

export interface AuthOptions {
  readonly url: string | URL;
  readonly storage?: GrantStorage;
  /** The key in `storage` (`hubbub.grant`). */
  readonly key?: string;
  readonly fetch?: typeof globalThis.fetch;
}

/** A login of the user. */
export interface LoginRecord {
  readonly login: string;
  readonly created_at: Timestamp;
  readonly last_used_at?: Timestamp;
  readonly device?: string;
  /** The one that this session uses. */
  readonly current: boolean;
}

/** Somebody who is signed in. Hand it to `createClient`. */
export interface Session extends TokenSource {
  /** As it was at sign-in. */
  readonly person: Person;
  readonly login: string;
  getToken(request?: TokenRequest): Promise<string>;
  /** Sets another password; all other logins end. */
  changePassword(old_password: string, new_password: string): Promise<void>;
  /** Lists one's logins; `not_found` from servers that do not have it. */
  logins(): Promise<readonly LoginRecord[]>;
  endLogin(login: string): Promise<void>;
  /** Ends the login at the server and forgets the tokens. */
  logout(everywhere?: "everywhere"): Promise<void>;
  /** Calls a route below `/v1` with the token: `session.fetch("/v1/media", {method: "POST", …})`. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
}

export interface Auth {
  /** The session kept in the storage, if there is one. Needs no network. */
  restore(): Session | undefined;
  guest(guest?: { readonly nickname?: string }): Promise<Session>;
  register(account: {
    readonly name: string;
    readonly password: string;
    readonly display_name?: string;
  }): Promise<Session>;
  login(account: { readonly name: string; readonly password: string }): Promise<Session>;
}
