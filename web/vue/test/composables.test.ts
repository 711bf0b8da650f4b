import { createClient, memoryStore, type Client, type Off, type Readable } from "@hubbub/client";
import { afterEach, expect, test, vi } from "vitest";
import { createApp, effectScope, nextTick, ref, shallowRef } from "vue";
import {
  hubbub,
  useClient,
  useConnection,
  useNow,
  usePresence,
  useReadable,
  useTimeline,
} from "../src/index.js";

const clients: Client[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  vi.useRealTimers();
});

/** A client that finds no server: what is tested here is the way from its values to refs. */
function unconnected(): Client {
  class Dead {
    readyState = 3;
    bufferedAmount = 0;
    onopen = null;
    onmessage = null;
    onclose: ((event: never) => void) | null = null;
    onerror = null;
    constructor() {
      setTimeout(() => this.onclose?.({ code: 1006, reason: "" } as never));
    }
    send() {}
    close() {}
  }
  const session = { user: "ada", getToken: () => "t" };
  const client = createClient({ url: "http://x", session, websocket: Dead, store: memoryStore() });
  clients.push(client);
  return client;
}

test("a readable becomes a ref, and is let go with its scope", () => {
  const listeners = new Set<(value: number) => void>();
  const readable: Readable<number> = {
    get: () => 1,
    subscribe(listener): Off {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  const scope = effectScope();
  const value = scope.run(() => useReadable(readable));
  expect(value?.value).toBe(1);
  for (const listener of listeners) listener(2);
  expect(value?.value).toBe(2);
  scope.stop();
  expect(listeners.size).toBe(0);
});

test("the connection's state is followed; the client comes from the app", async () => {
  const client = unconnected();
  const app = createApp({});
  app.use(hubbub(client));
  const scope = effectScope();
  const state = app.runWithContext(() => scope.run(() => useConnection()));
  await vi.waitFor(() => expect(state?.value.state).toBe("waiting"));
  client.close();
  await nextTick();
  expect(state?.value.state).toBe("closed");
  scope.stop();
  expect(() => useClient()).toThrow("app.use(hubbub(client))");
});

test("a timeline follows the room that is given", async () => {
  const client = unconnected();
  const open = vi.spyOn(client, "timeline");
  const room = ref<string | undefined>("tea");
  const scope = effectScope();
  const used = scope.run(() => useTimeline(room, {}, client));
  expect(used?.timeline.value?.room).toBe("tea");
  used?.timeline.value?.send("hi");
  await vi.waitFor(() => expect(used?.snapshot.value?.pending).toHaveLength(1));
  const closed = vi.spyOn(open.mock.results[0]?.value as { close(): void }, "close");
  room.value = "milk";
  expect(closed).toHaveBeenCalledOnce();
  expect(used?.snapshot.value?.pending).toEqual([]);
  room.value = undefined;
  expect(used?.timeline.value).toBeUndefined();
  scope.stop();
  expect(open).toHaveBeenCalledTimes(2);
});

test("those who are watched change with what is given, and are let go", () => {
  const client = unconnected();
  const offs: string[] = [];
  const watched = vi
    .spyOn(client.presence, "watch")
    .mockImplementation((users) => () => offs.push(users.join()));
  const users = shallowRef(["bob"]);
  const scope = effectScope();
  scope.run(() => usePresence(users, client));
  users.value = ["bob", "eve"];
  expect(watched.mock.calls.map(([each]) => each.join())).toEqual(["bob", "bob,eve"]);
  expect(offs).toEqual(["bob"]);
  scope.stop();
  expect(offs).toEqual(["bob", "bob,eve"]);
});

test("the present time moves in steps, for as long as the scope lives", () => {
  vi.useFakeTimers();
  const scope = effectScope();
  const now = scope.run(() => useNow(1_000));
  const begun = now?.value ?? 0;
  vi.advanceTimersByTime(2_000);
  expect((now?.value ?? 0) - begun).toBe(2_000);
  scope.stop();
  expect(vi.getTimerCount()).toBe(0);
});
