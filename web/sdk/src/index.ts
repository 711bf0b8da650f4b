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
import { HubbubClient } from "./client.js";

export type * from "./api.js";
export type * from "./auth.js";
export { createAuth } from "./auth.js";
export * from "./errors.js";
export { indexedDbStore, memoryStore } from "./store.js";
export type * from "./wire.js";

/** Makes a client and connects it. */
export function createClient(options: ClientOptions): Client {
  return new HubbubClient(options);
}
