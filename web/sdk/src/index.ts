/**
 * `@hubbub/client`: the client library of hubbub.
 *
 * ```ts
 * const session = await createAuth({ url }).guest({ nickname: "Ada" });
 * const client = createClient({ url, session });
 * ```
 *
 * @packageDocumentation
 */

import type { Client, ClientOptions } from "./api.js";
import type { Auth, AuthOptions } from "./auth.js";

export type * from "./api.js";
export type * from "./auth.js";
export * from "./errors.js";
export type * from "./wire.js";

/** Makes a client and connects it. */
export function createClient(options: ClientOptions): Client {
  throw new Error(`not implemented yet: ${String(options.url)}`);
}

/** Signs people in by REST. */
export function createAuth(options: AuthOptions): Auth {
  throw new Error(`not implemented yet: ${String(options.url)}`);
}
