/** The rules of coming back, one by one, on the core alone. */

import { describe, expect, test } from "vitest";
import { Engine } from "../src/core/engine.js";
import type { Effect, HubState, Input } from "../src/core/types.js";

const LIMITS = {
  text_chars: 4000,
  frame_bytes: 65_536,
  sends_per_second: 10,
  sends_burst: 20,
  page: 100,
};

class Run {
  now = 0;
  random = 1;
  state: HubState = { state: "idle" };
  effects: Effect[] = [];
  socket = 0;
  readonly engine = new Engine({
    backoffMin: 500,
    backoffMax: 20_000,
    callTimeout: 10_000,
    deliveryReceipts: true,
    random: () => this.random,
  });

  give(input: Input): Effect[] {
    this.effects = this.engine.handle(input, this.now);
    for (const effect of this.effects) {
      if (effect.type === "open") this.socket = effect.socket;
      if (effect.type === "emit" && effect.event.type === "state") this.state = effect.event.state;
    }
    return this.effects;
  }

  frame(json: object): Effect[] {
    return this.give({ type: "frame", socket: this.socket, text: JSON.stringify(json) });
  }

  /** Until the socket is open and `hello` said; gives its id. */
  greet(token = "t"): number {
    if (this.state.state === "idle" || this.state.state === "closed") this.give({ type: "start" });
    this.give({ type: "token", token });
    const [hello] = this.give({ type: "opened", socket: this.socket });
    return (JSON.parse((hello as { text: string }).text) as { id: number }).id;
  }

  live(): this {
    const welcome = {
      session: "s",
      user: "ada",
      epoch: "e",
      expires_at: "",
      heartbeat_ms: 25_000,
      limits: LIMITS,
    };
    this.frame({ re: this.greet(), ok: { ...welcome, rooms: [], rooms_total: 0 } });
    return this;
  }

  broken(code: number): HubState {
    this.give({ type: "disconnected", socket: this.socket, code, reason: "r" });
    return this.state;
  }

  tickAt(now: number): Effect[] {
    this.now = now;
    return this.give({ type: "tick" });
  }
}

describe("close codes", () => {
  test.each([1000, 1001, 1006, 1009, 1011, 4000, 4002, 4008, 4012, 4400, 4499])(
    "%i: come back",
    (code) => {
      expect(new Run().live().broken(code)).toMatchObject({ state: "waiting", code, retryIn: 500 });
    },
  );

  test.each([4003, 4009])("%i: come back, but not at once", (code) => {
    const run = new Run().live();
    run.random = 0;
    expect(run.broken(code)).toMatchObject({ state: "waiting", retryIn: 500 });
  });

  test.each([4500, 4503, 4505, 4509, 4900, 4999])(
    "%i: do not come back, until asked to",
    (code) => {
      const run = new Run().live();
      expect(run.broken(code)).toMatchObject({ state: "closed", code, reason: "r" });
      expect(run.engine.deadline()).toBeUndefined();
      run.live();
      expect(run.state.state).toBe("live");
    },
  );
});

test("back-off doubles to its most, with full jitter, and begins anew after a good connection", () => {
  const run = new Run();
  run.greet();
  const waits: number[] = [];
  for (let attempt = 0; attempt < 8; attempt++) {
    const state = run.broken(1006);
    if (state.state !== "waiting") throw new Error(state.state);
    waits.push(state.retryIn);
    run.tickAt(run.now + state.retryIn);
    run.greet();
  }
  expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000]);
  run.random = 0;
  expect(run.broken(1006)).toMatchObject({ retryIn: 0 });
  run.random = 1;
  run.tickAt(run.now);
  run.live();
  run.now += 10_000;
  expect(run.broken(1006)).toMatchObject({ retryIn: 500 });
});

test("a refused welcome says when to come back", () => {
  const run = new Run();
  run.random = 0;
  const id = run.greet();
  run.frame({
    re: id,
    error: { code: "unavailable", message: "busy", retryable: true, retry_after_ms: 3_000 },
  });
  expect(run.broken(4003)).toMatchObject({ state: "waiting", retryIn: 3_000 });
});

test("the network's return and the page's cut the wait; a lost network only shows", () => {
  const run = new Run().live();
  run.broken(1006);
  run.give({ type: "network", online: false });
  expect(run.state).toMatchObject({ state: "waiting", offline: true });
  run.give({ type: "network", online: true });
  expect(run.state.state).toBe("connecting");
  run.live();
  run.broken(1006);
  run.give({ type: "wake" });
  expect(run.state.state).toBe("connecting");
});

test("a page that wakes asks whether its link is alive, and leaves it within five seconds", () => {
  const run = new Run().live();
  run.now = 3_600_000;
  const [ping] = run.give({ type: "wake" });
  expect(ping).toMatchObject({ type: "transmit" });
  expect(JSON.parse((ping as { text: string }).text)).toMatchObject({ type: "ping" });
  run.tickAt(run.now + 4_999);
  expect(run.state.state).toBe("live");
  const effects = run.tickAt(run.now + 1);
  expect(effects[0]).toMatchObject({ type: "disconnect" });
  expect(run.state).toMatchObject({ state: "waiting", code: 1006 });
});

test("a token that ended during sleep is replaced, and the connection is back", () => {
  const run = new Run().live();
  run.now = 3_600_000;
  run.broken(4501);
  expect(run.effects).toContainEqual({ type: "token", reason: "refused" });
  run.give({ type: "token", token: "newer" });
  expect(run.effects).toContainEqual({ type: "open", socket: run.socket });
});

test("a source that gives the refused token again is not asked for ever", () => {
  const run = new Run().live();
  run.broken(4501);
  run.give({ type: "token", token: "t" });
  expect(run.state).toMatchObject({ state: "closed", code: 4501 });
});

test("a source that is away is asked again; one that has none closes the client", () => {
  const run = new Run();
  run.give({ type: "start" });
  run.give({ type: "no_token", final: false, reason: "no network" });
  expect(run.state).toMatchObject({ state: "waiting" });
  run.tickAt(500);
  run.give({ type: "no_token", final: true, reason: "signed out" });
  expect(run.state).toMatchObject({ state: "closed", code: 4501, reason: "signed out" });
});

test("neither a token nor a server that never answers holds it up", () => {
  const run = new Run();
  run.give({ type: "start" });
  run.tickAt(15_000);
  expect(run.state).toMatchObject({ state: "waiting" });
  run.tickAt(15_500);
  run.greet();
  run.tickAt(run.now + 15_000);
  expect(run.state).toMatchObject({ state: "waiting", code: 1006 });
});

test("what an old socket still says is not heard", () => {
  const run = new Run().live();
  const old = run.socket;
  run.broken(1006);
  run.tickAt(500);
  run.live();
  const said = {
    type: "frame",
    socket: old,
    text: JSON.stringify({ type: "moving", after_ms: 0 }),
  } as const;
  expect(run.give(said)).toEqual([]);
  expect(run.give({ type: "disconnected", socket: old, code: 4503, reason: "" })).toEqual([]);
  expect(run.state.state).toBe("live");
});

test("a call outlives a break, is repeated when it was too fast, and ends at its time", () => {
  const run = new Run().live();
  const sent = () =>
    run.effects.flatMap((effect) =>
      effect.type === "transmit" ? [JSON.parse(effect.text) as { id: number; type: string }] : [],
    );
  run.give({ type: "call", call: "1", name: "me", fields: {} });
  const id = sent()[0]?.id;
  run.broken(1006);
  run.tickAt(500);
  run.live();
  expect(sent()).toContainEqual({ id, type: "me" });
  run.frame({
    re: id,
    error: { code: "rate_limited", message: "", retryable: true, retry_after_ms: 200 },
  });
  run.tickAt(run.now + 200);
  expect(sent()).toContainEqual({ id, type: "me" });
  run.tickAt(10_000);
  expect(run.effects).toContainEqual({
    type: "settle",
    call: "1",
    error: { code: "unavailable", message: "no answer to me in time", retryable: true },
  });
});

test("5,000 rooms are resumed as far as a frame has room, the most active first", () => {
  const run = new Run();
  const rooms = Array.from({ length: 2_000 }, (_, n) => ({
    ...{
      room: `00000000-0000-0000-0000-${String(n).padStart(12, "0")}`,
      kind: "group",
      name: "",
      state: "open",
    },
    ...{
      role: "member",
      seq: 0,
      rev: 0,
      unread: 0,
      mentions: 0,
      last_read_seq: 0,
      pinned: false,
      muted: false,
    },
  }));
  const welcome = {
    session: "s",
    user: "ada",
    epoch: "e",
    expires_at: "",
    heartbeat_ms: 25_000,
    limits: LIMITS,
  };
  run.frame({ re: run.greet(), ok: { ...welcome, rooms, rooms_total: 5_000 } });
  const room = rooms[1_999]?.room as string;
  const message = {
    message_id: "m",
    sender: "bob",
    client_id: "c",
    created_at: "2026-11-20T10:00:00Z",
    body: { text: "t" },
  };
  run.frame({ type: "message", room, seq: 1, rev: 1, ...message });
  run.broken(1006);
  run.tickAt(500);
  run.give({ type: "token", token: "t" });
  const [hello] = run.give({ type: "opened", socket: run.socket });
  const { text } = hello as { text: string };
  expect(text.length).toBeLessThan(LIMITS.frame_bytes);
  const { resume, id } = JSON.parse(text) as {
    id: number;
    resume: { rooms: Record<string, number> };
  };
  expect(resume.rooms[room]).toBe(1);
  expect(Object.keys(resume.rooms).length).toBeGreaterThan(900);
  const effects = run.frame({
    re: id,
    ok: {
      ...welcome,
      rooms: rooms.map((each) => ({ ...each, seq: 1, rev: 1 })),
      rooms_total: 5_000,
    },
  });
  const told = effects.flatMap((effect) =>
    effect.type === "emit" && effect.event.type === "welcome" ? [effect.event] : [],
  );
  const unresumed = rooms.filter((each) => !(each.room in resume.rooms)).map((each) => each.room);
  expect(new Set(told[0]?.gaps as string[])).toEqual(new Set(unresumed));
});
