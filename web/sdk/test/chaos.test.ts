/** Two clients in Node against a server that is killed about every second, for 30 seconds. */

import { afterAll, beforeAll, expect, test } from "vitest";
import type { Message } from "../src/index.js";
import { Gateway } from "./gateway.js";
import { live, until } from "./helpers.js";

const MESSAGES = 500;
const LASTS = 30_000;

let gateway: Gateway;

beforeAll(async () => {
  gateway = await Gateway.start();
});
afterAll(() => gateway.stop());

test("500 messages through a server that dies again and again: all stored once, in order, no gap", async () => {
  const [ada, bob] = [
    gateway.client(await gateway.guest("ada"), { backoff: { max: 500 } }),
    gateway.client(await gateway.guest("bob"), { backoff: { max: 500 } }),
  ];
  await Promise.all([live(ada), live(bob)]);
  const { room } = await ada.rooms.create({ kind: "public", name: "Tea" });
  await bob.rooms.join(room);
  await until(() => bob.rooms.get(room) !== undefined, "bob is in");
  const timeline = bob.timeline(room);
  const gaps: string[] = [];
  timeline.snapshot.subscribe(({ messages }) => {
    const first = messages[0]?.seq ?? 0;
    if (messages.some(({ seq }, at) => seq !== first + at)) {
      gaps.push(messages.map(({ seq }) => seq).join());
    }
  });
  const heard: Message[] = [];
  bob.on("message", (message) => heard.push(message));

  const begun = performance.now();
  let kills = 0;
  const killer = (async () => {
    while (performance.now() - begun < LASTS) {
      await new Promise((resolve) => setTimeout(resolve, 300 + Math.random() * 900));
      await gateway.kill();
      kills++;
      await gateway.up();
    }
  })();
  const stored: Promise<unknown>[] = [];
  for (let n = 0; n < MESSAGES; n++) {
    stored.push(ada.send(room, `${n}`).stored);
    await new Promise((resolve) => setTimeout(resolve, LASTS / MESSAGES));
  }
  await killer;
  await Promise.all(stored);
  await until(
    () => {
      const { messages, atLatest } = timeline.snapshot.get();
      return atLatest && messages.at(-1)?.body?.text === `${MESSAGES - 1}`;
    },
    "the last message at the other's",
    30_000,
  );

  const all: Message[] = [];
  for (let before: number | undefined; ; before = all[0]?.seq) {
    const anchor = before === undefined ? {} : { before_seq: before };
    const page = await ada.call("history", { room, limit: 100, ...anchor });
    all.unshift(...page.messages);
    if (!page.has_more) break;
  }
  const said = all.filter(({ body }) => body);
  expect(said.map(({ body }) => body?.text)).toEqual(
    Array.from({ length: MESSAGES }, (_, n) => `${n}`),
  );
  expect(new Set(said.map(({ client_id }) => client_id)).size).toBe(MESSAGES);
  expect(all.map(({ seq }) => seq)).toEqual(all.map((_, at) => at + 1));
  expect(gaps).toEqual([]);
  const { messages } = timeline.snapshot.get();
  const shown = messages.map(({ seq, body }) => [seq, body?.text]);
  expect(shown).toEqual(all.slice(-messages.length).map(({ seq, body }) => [seq, body?.text]));
  expect(new Set(heard.map(({ seq }) => seq)).size, "no event twice").toBe(heard.length);
  expect(bob.rooms.get(room)?.unread).toBe(MESSAGES);
  expect(kills).toBeGreaterThan(5);
  console.log(`${kills} kills; ${heard.length} of ${MESSAGES} heard live or by resuming`);
  ada.close();
  bob.close();
}, 180_000);
