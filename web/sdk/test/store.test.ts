/** IndexedDB as the store, and everything that can be wrong with it. */

import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { indexedDbStore, memoryStore, type Store, type StorageTrouble } from "../src/index.js";
import { FakeWorld } from "./fake.js";
import { clients, join, live, until } from "./helpers.js";

beforeEach(() => {
  vi.stubGlobal("indexedDB", new IDBFactory());
  vi.stubGlobal("IDBKeyRange", IDBKeyRange);
});
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  vi.unstubAllGlobals();
});

describe.each([
  ["memory", () => memoryStore()],
  ["IndexedDB", () => indexedDbStore("test")],
] as const)("a store in %s", (_, make) => {
  test("keeps rows by table and key, in order of key", async () => {
    const store = make();
    await store.put("outbox", "b", { n: 2 });
    await store.put("outbox", "a:2", { n: 1 });
    await store.put("outbox", "a:1", { n: 0 });
    await store.put("rooms", "a:1", { n: 9 });
    await store.put("outbox", "b", { n: 3 });
    expect(await store.list("outbox")).toEqual([
      ["a:1", { n: 0 }],
      ["a:2", { n: 1 }],
      ["b", { n: 3 }],
    ]);
    expect(await store.list("outbox", "a:")).toHaveLength(2);
    await store.delete("outbox", "a:2");
    await store.delete("outbox", "never was");
    expect(await store.list("outbox")).toHaveLength(2);
    await store.clear();
    expect(await store.list("rooms")).toEqual([]);
  });
});

test("two tabs open and upgrade the database at once, and one that must go lets it go", async () => {
  const stores = Array.from({ length: 4 }, () => indexedDbStore("one"));
  await Promise.all(stores.map((store, n) => store.put("outbox", `${n}`, n)));
  expect(await stores[0]?.list("outbox")).toHaveLength(4);
  await new Promise<void>((resolve, reject) => {
    const deleting = indexedDB.deleteDatabase("one");
    deleting.onsuccess = () => resolve();
    deleting.onblocked = () => reject(new Error("a store holds on to it"));
  });
  // Opened anew, and empty.
  expect(await stores[1]?.list("outbox")).toEqual([]);
});

async function newerDatabase(name: string): Promise<void> {
  await new Promise<void>((resolve) => {
    const request = indexedDB.open(name, 99);
    request.onsuccess = () => {
      request.result.close();
      resolve();
    };
  });
}

const failing = (name: string): Store => {
  const fail = () => Promise.reject(new DOMException("no", name));
  return { list: fail, put: fail, delete: fail, clear: fail };
};

test.each([
  ["full", () => ({ ...memoryStore(), put: failing("QuotaExceededError").put })],
  ["denied", () => failing("SecurityError")],
  ["failed", () => failing("UnknownError")],
  ["newer_version", () => indexedDbStore("newer")],
] as const)("storage that is %s: the client says so once, and goes on", async (kind, make) => {
  await newerDatabase("newer");
  const world = new FakeWorld();
  const room = world.room("tea", "ada");
  const client = join(world, "ada", { store: make() });
  const told: StorageTrouble[] = [];
  client.on("storage", (trouble) => told.push(trouble));
  await live(client);
  const sending = [client.send("tea", "1"), client.send("tea", "2")];
  await Promise.all(sending.map(({ stored }) => stored));
  expect(room.messages.map(({ body }) => body?.text)).toEqual(["1", "2"]);
  await until(() => told.length > 0, "the trouble");
  expect(told.map((trouble) => trouble.kind)).toEqual([kind]);
  expect(told[0]?.message).toContain("unsent messages are lost");
  await until(() => client.outbox.pending.get().length === 0, "nothing waits");
});

test("a store that never answers holds up neither the connection nor a message", async () => {
  const never = () => new Promise<never>(() => {});
  const world = new FakeWorld();
  world.room("tea", "ada");
  const client = join(world, "ada", {
    store: { list: never, put: never, delete: never, clear: never },
  });
  await live(client);
  await client.send("tea", "1").stored;
});

test("unsent messages survive a crash, in their order, with what was refused", async () => {
  const world = new FakeWorld();
  const room = world.room("tea", "ada");
  world.down = true;
  const before = join(world, "ada", { store: indexedDbStore("outbox") });
  const kept = ["1", "2", "3"].map((text) => before.send("tea", text).kept);
  await Promise.all(kept);
  // A crash: nothing is closed in order.
  world.down = false;
  world.refuse = (_, frame) =>
    frame["type"] === "send" && (frame["body"] as { text: string }).text === "2"
      ? { code: "forbidden", message: "no", retryable: false }
      : undefined;
  const after = join(world, "ada", { store: indexedDbStore("outbox") });
  await until(() => room.messages.length === 2, "two stored");
  await until(() => after.outbox.pending.get()[0]?.status === "failed", "one refused");
  after.close();
  const again = join(world, "ada", { store: indexedDbStore("outbox") });
  await until(() => again.outbox.pending.get().length === 1, "the refused one");
  expect(again.outbox.pending.get()).toMatchObject([
    { status: "failed", error: { code: "forbidden" }, body: { text: "2" } },
  ]);
  world.refuse = () => undefined;
  again.outbox.retry(again.outbox.pending.get()[0]?.client_id as string);
  await until(() => room.messages.length === 3, "all stored");
  expect(room.messages.map(({ body }) => body?.text)).toEqual(["1", "3", "2"]);
  before.close();
});

test("cached rooms are readable without a server, and replaced when there is one", async () => {
  const world = new FakeWorld();
  const room = world.room("tea", "ada", "bob");
  for (let n = 1; n <= 5; n++) room.post("bob", `${n}`, { text: `${n}` });
  const before = join(world, "ada", { store: indexedDbStore("cache") });
  const opened = before.timeline("tea");
  await until(() => opened.snapshot.get().status === "ready", "loaded");
  opened.close();
  before.close();
  await new Promise((resolve) => setTimeout(resolve, 50));
  world.down = true;
  room.post("bob", "6", { text: "6" });
  const after = join(world, "ada", { store: indexedDbStore("cache"), backoff: { max: 50 } });
  const timeline = after.timeline("tea");
  await until(() => timeline.snapshot.get().status === "cached", "the cached messages");
  await until(() => after.rooms.list.get().status === "cached", "the cached list");
  expect(timeline.snapshot.get().messages.map(({ body }) => body?.text)).toEqual([
    "1",
    "2",
    "3",
    "4",
    "5",
  ]);
  expect(after.rooms.get("tea")).toMatchObject({ unread: 5 });
  world.down = false;
  await until(() => timeline.snapshot.get().status === "ready", "the server's");
  expect(timeline.snapshot.get().messages).toHaveLength(6);
  await until(() => after.rooms.get("tea")?.unread === 6, "the server's count");
});

test("signing out ends every tab's client and removes what was stored", async () => {
  const world = new FakeWorld();
  world.room("tea", "ada");
  const store = indexedDbStore("gone");
  const client = join(world, "ada", { store });
  await live(client);
  await client.timeline("tea").send("1").stored;
  await client.logout();
  expect(client.state.get()).toMatchObject({ state: "closed" });
  for (const table of ["outbox", "rooms", "messages", "people", "meta"] as const) {
    expect(await store.list(table), table).toEqual([]);
  }
  expect(world.heard.at(-1)?.frame["type"]).toBe("logout");
});
