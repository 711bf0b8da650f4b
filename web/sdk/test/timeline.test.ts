import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Client, TimelineSnapshot } from "../src/index.js";
import { FakeWorld, NO_FAULTS, seeded, type FakeRoom } from "./fake.js";
import { clients, join } from "./helpers.js";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
});
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  vi.useRealTimers();
});

const settle = (ms = 100) => vi.advanceTimersByTimeAsync(ms);
const texts = ({ messages }: TimelineSnapshot) => messages.map(({ body }) => body?.text);

function filled(world: FakeWorld, count: number): FakeRoom {
  const room = world.room("tea", "ada", "bob");
  for (let n = 1; n <= count; n++) room.post("bob", `b${n}`, { text: `${n}` });
  return room;
}

async function opened(world: FakeWorld): Promise<Client> {
  const client = join(world, "ada");
  await settle(1_000);
  expect(client.state.get().state).toBe("live");
  return client;
}

describe("a timeline", () => {
  test("opens at the newest page, follows, and pages back to the first message", async () => {
    const world = new FakeWorld();
    const room = filled(world, 75);
    const client = await opened(world);
    const timeline = client.timeline("tea");
    await settle();
    expect(timeline.snapshot.get()).toMatchObject({
      status: "ready",
      atLatest: true,
      hasOlder: true,
    });
    expect(timeline.snapshot.get().messages).toHaveLength(30);
    room.post("bob", "b76", { text: "76" });
    await settle();
    expect(texts(timeline.snapshot.get()).at(-1)).toBe("76");
    for (let pages = 0; timeline.snapshot.get().hasOlder; pages++) {
      expect(pages).toBeLessThan(3);
      void timeline.loadOlder();
      void timeline.loadOlder();
      await settle();
    }
    expect(texts(timeline.snapshot.get())).toEqual(
      Array.from({ length: 76 }, (_, n) => `${n + 1}`),
    );
    const asked = world.heard.filter(({ frame }) => frame["type"] === "history");
    expect(asked).toHaveLength(3);
  });

  test("jumps to a message, to a date and to the first unread one, and comes back", async () => {
    const world = new FakeWorld();
    const room = filled(world, 200);
    room.read.set("ada", 120);
    const client = await opened(world);
    const timeline = client.timeline("tea");
    await settle();
    const jump = async (target: Parameters<typeof timeline.jumpTo>[0]) => {
      const jumped = timeline.jumpTo(target);
      await settle();
      return jumped;
    };
    expect(await jump({ seq: 50 })).toBe(50);
    expect(timeline.snapshot.get()).toMatchObject({ atLatest: false, hasOlder: true });
    expect(timeline.snapshot.get().newer).toBeGreaterThan(100);
    expect(await jump({ date: room.messages[89]?.created_at as string })).toBe(90);
    expect(timeline.snapshot.get().messages[0]?.seq).toBe(60);
    expect(await jump({ date: new Date(0) })).toBe(1);
    expect(timeline.snapshot.get().hasOlder).toBe(false);
    expect(await jump("unread")).toBe(121);
    void timeline.loadNewer();
    await settle();
    expect(await jump("latest")).toBe(200);
    expect(timeline.snapshot.get()).toMatchObject({ atLatest: true, newer: 0 });
  });

  test("applies edits, deletions and reactions, and keeps what did not change", async () => {
    const world = new FakeWorld();
    const room = filled(world, 3);
    const client = await opened(world);
    const timeline = client.timeline("tea");
    await settle();
    const [first] = timeline.snapshot.get().messages;
    room.edit(2, { text: "two" });
    room.react(2, "bob", "👍", true);
    room.remove(3);
    await settle();
    const [same, edited, deleted] = timeline.snapshot.get().messages;
    expect(same).toBe(first);
    expect(edited).toMatchObject({
      body: { text: "two" },
      reactions: [{ user: "bob", emoji: "👍" }],
    });
    expect(edited?.edited_at).toBeDefined();
    expect(deleted).toMatchObject({ deleted: true });
    expect(deleted?.body).toBeUndefined();
    room.react(2, "bob", "👍", false);
    await settle();
    expect(timeline.snapshot.get().messages[1]?.reactions).toEqual([]);
  });

  test("shows one's own message from the first moment, under one key", async () => {
    const world = new FakeWorld();
    filled(world, 1);
    world.faults = { ...NO_FAULTS, delay: () => 50 };
    const client = await opened(world);
    const timeline = client.timeline("tea");
    await settle(500);
    const seen: string[][] = [];
    timeline.snapshot.subscribe(({ messages, pending }) =>
      seen.push([...messages, ...pending].map(({ key }) => key)),
    );
    const { client_id, stored } = timeline.send("hi");
    await settle(1_000);
    expect((await stored).seq).toBe(2);
    const key = `~${client_id}`;
    expect(seen.every((keys) => keys.filter((each) => each === key).length === 1)).toBe(true);
    expect(timeline.snapshot.get().messages.at(-1)).toMatchObject({
      key,
      mine: true,
      status: "sent",
    });
    world.tell("ada", { type: "delivered", room: "tea", user: "bob", seq: 2 });
    await settle();
    expect(timeline.snapshot.get().messages.at(-1)?.status).toBe("delivered");
    world.tell("ada", { type: "read", room: "tea", user: "bob", seq: 2 });
    await settle();
    expect(timeline.snapshot.get().messages.at(-1)?.status).toBe("read");
  });

  test("is exact after a break: by resuming, by a reset, in another epoch", async () => {
    const world = new FakeWorld();
    const room = filled(world, 40);
    const client = await opened(world);
    const timeline = client.timeline("tea");
    await settle();
    const exact = async () => {
      await settle(3_000);
      const { messages, atLatest } = timeline.snapshot.get();
      expect(atLatest).toBe(true);
      const { rev: _, ...last } = room.messages.at(-1) as (typeof room.messages)[0];
      expect(messages.at(-1)).toMatchObject(last);
      expect(messages.map(({ seq }) => seq)).toEqual(
        messages.map((__, at) => (messages[0]?.seq ?? 0) + at),
      );
    };
    const away = (work: () => void) => {
      world.cutAll();
      work();
    };
    away(() => room.post("bob", "x1", { text: "while away" }));
    await exact();
    world.kept = 2;
    away(() => {
      for (let n = 0; n < 50; n++) room.post("bob", `y${n}`, { text: `y${n}` });
      room.edit(35, { text: "edited meanwhile" });
    });
    await exact();
    expect(timeline.snapshot.get().messages.find(({ seq }) => seq === 35)?.body?.text).toBe(
      "edited meanwhile",
    );
    away(() => {
      world.epoch = "e2";
      room.messages.length = 20;
      room.changes.length = 0;
      room.rev = 20;
      room.post("bob", "z", { text: "restored" });
    });
    await exact();
    expect(texts(timeline.snapshot.get()).at(-1)).toBe("restored");
  });

  test("goes on in another epoch that it survived, on an open connection and after a break", async () => {
    const world = new FakeWorld();
    const room = filled(world, 50);
    const client = await opened(world);
    const timeline = client.timeline("tea");
    await settle();
    void timeline.loadOlder();
    await settle();
    const pages = () => world.heard.filter(({ frame }) => frame["type"] === "history").length;
    const before = pages();
    world.survived.add("tea");
    world.epoch = "e2";
    world.tell("ada", { type: "epoch", epoch: "e2" });
    room.post("bob", "x", { text: "in e2" });
    await settle();
    world.epoch = "e3";
    world.cutAll();
    room.post("bob", "y", { text: "in e3" });
    await settle(3_000);
    expect(texts(timeline.snapshot.get()).slice(-2)).toEqual(["in e2", "in e3"]);
    expect(timeline.snapshot.get().messages).toHaveLength(52);
    expect(pages(), "nothing is read again").toBe(before);
    // A page of another epoch may hold other messages in the same places: the window is read anew.
    void timeline.jumpTo({ date: new Date(0) });
    await settle();
    expect(texts(timeline.snapshot.get())[5]).toBe("6");
    room.messages[5] = {
      ...(room.messages[5] as (typeof room.messages)[0]),
      body: { text: "another" },
    };
    world.epoch = "e4";
    void timeline.loadNewer();
    await settle(1_000);
    expect(texts(timeline.snapshot.get())[5]).toBe("another");
  });

  test("a room that the connection no longer follows is asked for again while it is open", async () => {
    const world = new FakeWorld();
    const room = filled(world, 5);
    const client = await opened(world);
    const timeline = client.timeline("tea");
    await settle();
    world.of("ada")[0]?.unfollow("tea");
    room.post("bob", "x", { text: "meanwhile" });
    await settle(1_000);
    room.post("bob", "y", { text: "afterwards" });
    await settle(1_000);
    expect(texts(timeline.snapshot.get()).slice(-2)).toEqual(["meanwhile", "afterwards"]);
  });

  test("opens at the first unread message, and at the end when there is none", async () => {
    const world = new FakeWorld();
    const room = filled(world, 100);
    room.read.set("ada", 40);
    const client = await opened(world);
    const timeline = client.timeline("tea", { at: "unread" });
    await settle();
    expect(timeline.snapshot.get()).toMatchObject({ atLatest: false, openedAt: 40 });
    expect(timeline.snapshot.get().messages.some(({ seq }) => seq === 41)).toBe(true);
    timeline.markRead();
    timeline.close();
    await settle(2_000);
    const again = client.timeline("tea", { at: "unread" });
    await settle();
    expect(again.snapshot.get()).toMatchObject({ atLatest: true, openedAt: 100 });
    expect(again.snapshot.get().messages).toHaveLength(30);
  });

  test("a clock that is set wrong by a day changes nothing", async () => {
    const world = new FakeWorld();
    const room = filled(world, 1);
    const client = await opened(world);
    const timeline = client.timeline("tea");
    await settle();
    world.down = true;
    world.cutAll();
    timeline.send("before");
    vi.setSystemTime(Date.now() - 86_400_000);
    timeline.send("after");
    vi.setSystemTime(Date.now() + 2 * 86_400_000);
    timeline.send("long after");
    world.down = false;
    await settle(3_000);
    expect(room.messages.map(({ body }) => body?.text)).toEqual([
      "1",
      "before",
      "after",
      "long after",
    ]);
    expect(client.state.get().state).toBe("live");
    expect(timeline.snapshot.get().pending).toEqual([]);
  });

  test("is gone when its user is put out, and comes back with them", async () => {
    const world = new FakeWorld();
    const room = filled(world, 2);
    const client = await opened(world);
    const timeline = client.timeline("tea");
    await settle();
    room.members.delete("ada");
    world.tell("ada", { type: "left", room: "tea" });
    await settle();
    expect(timeline.snapshot.get().status).toBe("gone");
    expect(client.rooms.get("tea")).toBeUndefined();
    room.members.add("ada");
    const welcome = { room: "tea", kind: "group", name: "tea", state: "open", role: "member" };
    const counts = {
      seq: 2,
      rev: 2,
      unread: 0,
      mentions: 0,
      last_read_seq: 2,
      pinned: false,
      muted: false,
    };
    world.tell("ada", { type: "joined", ...welcome, ...counts });
    await settle();
    expect(timeline.snapshot.get()).toMatchObject({ status: "ready" });
  });

  test("types once in three seconds, and stops by itself", async () => {
    const world = new FakeWorld();
    filled(world, 1);
    const client = await opened(world);
    const timeline = client.timeline("tea");
    const typed = () =>
      world.heard.filter(({ frame }) => frame["type"] === "typing").map(({ frame }) => frame["on"]);
    for (let keys = 0; keys < 35; keys++) {
      timeline.typing();
      await settle(100);
    }
    expect(typed()).toEqual([true, true]);
    await settle(6_000);
    expect(typed()).toEqual([true, true, false]);
    timeline.typing();
    timeline.send("done");
    await settle(6_000);
    expect(typed()).toEqual([true, true, false, true]);
  });
});

describe("whatever the network does", () => {
  const SEEDS = Number(process.env["SDK_SEEDS"] ?? 40);
  for (let seed = 1; seed <= SEEDS; seed++) {
    test(`no gap, nothing twice, exact counts: seed ${seed}`, () => chaos(seed));
  }
});

async function chaos(seed: number): Promise<void> {
  const random = seeded(seed);
  const world = new FakeWorld();
  const room = filled(world, 20 + Math.floor(random() * 60));
  world.faults = {
    delay: () => Math.floor(random() * 80),
    cut: () => random() < 0.01,
    twice: () => random() < 0.1,
    overtake: () => random() < 0.3,
    hold: () => (random() < 0.5 ? Math.floor(random() * 1_500) : 0),
  };
  if (random() < 0.5) world.kept = 10;
  const client = join(world, "ada");
  const timeline = client.timeline("tea");
  timeline.snapshot.subscribe(({ messages, pending }) => {
    const first = messages[0]?.seq ?? 0;
    expect(messages.map(({ seq }) => seq)).toEqual(messages.map((_, at) => first + at));
    const keys = [...messages, ...pending].map(({ key }) => key);
    expect(new Set(keys).size, `twice the same key, seed ${seed}`).toBe(keys.length);
  });
  const mine: string[] = [];
  for (let step = 0; step < 60; step++) {
    const at = 1 + Math.floor(random() * room.seq);
    const draw = random();
    if (draw < 0.3) {
      const mentions = random() < 0.3 ? ["ada"] : [];
      room.post("bob", `s${step}`, { text: `s${step}`, mentions });
    } else if (draw < 0.4)
      room.edit(at, { text: `edited ${step}`, mentions: random() < 0.3 ? ["ada"] : [] });
    else if (draw < 0.5) room.remove(at);
    else if (draw < 0.55) room.react(at, "bob", "🎈", random() < 0.5);
    else if (draw < 0.7) {
      mine.push(`mine ${step}`);
      timeline.send(`mine ${step}`);
    } else if (draw < 0.75) world.cutAll(random() < 0.5 ? 1006 : 4000);
    else if (draw < 0.8) timeline.loadOlder().catch(() => {});
    else if (draw < 0.85) timeline.markRead(at);
    else if (draw < 0.88) timeline.jumpTo({ seq: at }).catch(() => {});
    else if (draw < 0.91) timeline.jumpTo("latest").catch(() => {});
    await settle(Math.floor(random() * 400));
  }
  world.faults = NO_FAULTS;
  await settle(60_000);
  timeline.jumpTo("latest").catch(() => {});
  await settle(30_000);
  const { messages, pending, atLatest } = timeline.snapshot.get();
  expect({ atLatest, pending }).toEqual({ atLatest: true, pending: [] });
  const expected = room.messages.slice(-messages.length).map(({ rev: _, ...message }) => message);
  expect(
    messages.map(({ rev: _, key: __, mine: ___, status: ____, ...message }) => ({ ...message })),
  ).toEqual(expected.map((message) => ({ ...message })));
  const stored = room.messages.filter(({ sender }) => sender === "ada");
  expect(stored.map(({ client_id }) => client_id)).toHaveLength(mine.length);
  const sentTexts = room.changes.flatMap((change) =>
    change.type === "message" && change.sender === "ada" ? [change.body?.text] : [],
  );
  expect(sentTexts).toEqual(mine);
  const { unread, mentions, last_read_seq } = client.rooms.get("tea") ?? {};
  expect({ unread, mentions, last_read_seq }).toEqual(room.counts("ada"));
}
