import { createClient, memoryStore, type Client, type ClientOptions } from "../src/index.js";
// Loaded beforehand: under fake timers nothing waits for a file.
import "../src/hub.js";
import type { FakeWorld } from "./fake.js";

export const clients: Client[] = [];

/** A client of the world in memory; its token is its user's name. */
export function join(world: FakeWorld, user: string, options: Partial<ClientOptions> = {}): Client {
  const client = createClient({
    url: "http://fake",
    session: { user, getToken: () => user },
    websocket: world.websocket(),
    store: memoryStore(),
    ...options,
  });
  clients.push(client);
  return client;
}

/** Waits for a condition; polls, as it may depend on anything. */
export async function until(
  condition: () => boolean,
  what = "the condition",
  patience = 10_000,
): Promise<void> {
  const end = performance.now() + patience;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`${what} did not come true in ${patience} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export const live = (client: Client) => until(() => client.state.get().state === "live", "live");
