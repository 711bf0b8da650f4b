/**
 * Getting in and staying in, by REST: accounts, guests, and a `Session` that keeps its tokens fresh. The
 * refresh token works once; tabs that share a `GrantStorage` take turns, so that no login is lost to a race.
 */

import type { TokenRequest, TokenSource } from "./api.js";
import { HubbubError, Unauthorized } from "./errors.js";
import { below, rest } from "./rest.js";
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

/** What the storage keeps: the grant, and when it came (by this machine's clock). */
interface Kept {
  readonly grant: Grant;
  readonly at: number;
}

/** A token is renewed when so much of its life is over. */
const STALE = 0.8;

/** Signs people in by REST. */
export function createAuth(options: AuthOptions): Auth {
  const fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
  const shelf = new Shelf(options.storage, options.key ?? "hubbub.grant");
  const session = (grant: Grant) => {
    shelf.write(grant);
    return new Login(options.url, fetch, shelf, grant);
  };
  const enter = async (route: string, body: object) =>
    session(await rest<Grant>(fetch, options.url, `/v1/auth/${route}`, { body }));
  return {
    restore() {
      const kept = shelf.read();
      return kept && new Login(options.url, fetch, shelf, kept.grant);
    },
    guest: (guest = {}) => enter("guest", guest),
    register: (account) => enter("register", account),
    login: (account) => enter("login", account),
  };
}

/** The grant's place: in the storage, or in memory where there is none or it fails. */
class Shelf {
  readonly #storage: GrantStorage | undefined;
  readonly key: string;
  #memory: Kept | undefined;

  constructor(storage: GrantStorage | undefined, key: string) {
    this.#storage = storage;
    this.key = key;
  }

  read(): Kept | undefined {
    try {
      const text = this.#storage?.getItem(this.key);
      const kept = text ? (JSON.parse(text) as Kept) : this.#storage ? undefined : this.#memory;
      return kept?.grant.refresh_token ? kept : undefined;
    } catch {
      return this.#memory;
    }
  }

  write(grant: Grant): void {
    this.#memory = { grant, at: Date.now() };
    try {
      this.#storage?.setItem(this.key, JSON.stringify(this.#memory));
    } catch {
      // Full or denied: the login ends with the page.
    }
  }

  clear(): void {
    this.#memory = undefined;
    try {
      this.#storage?.removeItem(this.key);
    } catch {
      // Denied: there is nothing to remove.
    }
  }
}

class Login implements Session {
  readonly #url: string | URL;
  readonly #fetch: typeof globalThis.fetch;
  readonly #shelf: Shelf;
  #grant: Grant;
  #at = Date.now();
  #renewing: Promise<string> | undefined;
  #ended = false;

  constructor(url: string | URL, fetch: typeof globalThis.fetch, shelf: Shelf, grant: Grant) {
    this.#url = url;
    this.#fetch = fetch;
    this.#shelf = shelf;
    this.#grant = grant;
    this.#at = shelf.read()?.at ?? this.#at;
  }

  get user(): string {
    return this.#grant.user.user;
  }

  get person(): Person {
    return this.#grant.user;
  }

  get login(): string {
    return this.#grant.login;
  }

  async getToken({ reason }: TokenRequest = { reason: "connect" }): Promise<string> {
    if (this.#ended) throw new Unauthorized();
    const { access_token } = this.#grant;
    this.#adopt();
    // Another tab has renewed it meanwhile, or it is good for a while.
    const another = this.#grant.access_token !== access_token;
    if (!this.#stale() && (another || reason === "connect")) return this.#grant.access_token;
    this.#renewing ??= this.#renew().finally(() => (this.#renewing = undefined));
    return this.#renewing;
  }

  async changePassword(old_password: string, new_password: string): Promise<void> {
    const body = { old_password, new_password };
    const token = await this.getToken();
    this.#take(
      await rest<Grant>(this.#fetch, this.#url, "/v1/auth/password", {
        method: "PUT",
        token,
        body,
      }),
    );
  }

  async logins(): Promise<readonly LoginRecord[]> {
    const token = await this.getToken();
    const page = await rest<{ logins: readonly LoginRecord[] }>(
      this.#fetch,
      this.#url,
      "/v1/auth/logins",
      {
        method: "GET",
        token,
      },
    );
    return page.logins;
  }

  async endLogin(login: string): Promise<void> {
    const token = await this.getToken();
    const path = `/v1/auth/logins/${encodeURIComponent(login)}`;
    await rest(this.#fetch, this.#url, path, { method: "DELETE", token });
  }

  async logout(everywhere?: "everywhere"): Promise<void> {
    if (this.#ended) return;
    const path = everywhere ? "/v1/auth/logout_everywhere" : "/v1/auth/logout";
    try {
      const token = await this.getToken();
      await rest(this.#fetch, this.#url, path, { token });
    } catch (error) {
      // A login that has ended already is what was asked for.
      if (!(error instanceof HubbubError) || error.code !== "unauthenticated") throw error;
    } finally {
      this.#ended = true;
      this.#shelf.clear();
    }
  }

  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set("authorization", `Bearer ${await this.getToken()}`);
    const response = await this.#fetch(below(this.#url, path), { ...init, headers });
    if (response.status !== 401) return response;
    headers.set("authorization", `Bearer ${await this.getToken({ reason: "refused" })}`);
    return this.#fetch(below(this.#url, path), { ...init, headers });
  }

  /** The refresh token works once: the tabs take turns, and look first whether another one was faster. */
  #renew(): Promise<string> {
    const { access_token } = this.#grant;
    const renew = async () => {
      this.#adopt();
      if (this.#grant.access_token !== access_token && !this.#stale())
        return this.#grant.access_token;
      const body = { refresh_token: this.#grant.refresh_token };
      try {
        this.#take(await rest<Grant>(this.#fetch, this.#url, "/v1/auth/refresh", { body }));
      } catch (error) {
        if (!(error instanceof HubbubError) || error.code !== "unauthenticated") throw error;
        this.#ended = true;
        this.#shelf.clear();
        throw new Unauthorized();
      }
      return this.#grant.access_token;
    };
    const locks = (globalThis.navigator as Partial<Navigator> | undefined)?.locks;
    return locks ? locks.request(`${this.#shelf.key}:${this.login}`, renew) : renew();
  }

  #take(grant: Grant): void {
    this.#grant = grant;
    this.#at = Date.now();
    this.#shelf.write(grant);
  }

  /** Takes over what another tab has stored for the same user. */
  #adopt(): void {
    const kept = this.#shelf.read();
    if (!kept || kept.grant.user.user !== this.user) return;
    this.#grant = kept.grant;
    this.#at = kept.at;
  }

  /**
   * Whether most of the token's life is over. Its life is the issuer's (`exp - iat`) and its age this
   * machine's, so that a clock that is wrong does no harm; one that was set back says nothing.
   */
  #stale(): boolean {
    const age = Date.now() - this.#at;
    return age > 0 && age > STALE * lifetime(this.#grant);
  }
}

function lifetime({ access_token, expires_at }: Grant): number {
  try {
    const payload = access_token.split(".")[1] ?? "";
    const json = atob(payload.replace(/-/g, "+").replace(/_/g, "/"));
    const { exp, iat } = JSON.parse(json) as { exp: number; iat: number };
    if (exp > iat) return (exp - iat) * 1000;
  } catch {
    // Not a token of ours.
  }
  return Math.max(0, Date.parse(expires_at) - Date.now());
}
