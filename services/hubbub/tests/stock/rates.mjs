// What an app does often and means well: it types, and says so with every key. And what it may not do often.

import assert from "node:assert/strict";
import { ask, connected, count, hears, run, tokens, until } from "./client.mjs";

run(async (open) => {
  const [alice, bob] = ["alice", "bob"].map((user) => open("/chat", { auth: { token: tokens[user] } }));
  await Promise.all([alice, bob].map(connected));
  const { roomId: room } = await ask(alice, "openRoom", { receiver: "bob" });
  for (const socket of [alice, bob]) await ask(socket, "join-room", room);

  // Three hundred keys, and as many turns of the indicator.
  for (let key = 0; key < 300; key++) alice.emit("typing", true);
  for (let turn = 0; turn < 300; turn++) alice.emit("typing", turn % 2 === 0);
  await ask(alice, "chatMessage", { room, message: "done" });
  await hears(bob, "chatMessage", (it) => it.message === "done");
  assert.ok(count(bob, "typing") >= 1 && count(bob, "typing") <= 20, `${count(bob, "typing")} were told`);
  assert.equal(count(alice, "error"), 0);
  // Nothing of the budget was spent on them.
  for (let page = 0; page < 50; page++) assert.ok(Array.isArray(await ask(alice, "history", { limit: 1 })));

  for (const event of [["leaveRoom", room], ["refresh", { token: tokens.bob }]]) {
    const answers = [];
    for (let turn = 0; turn < 150; turn++) answers.push(ask(bob, ...event));
    const refused = (await Promise.all(answers)).filter((answer) => answer.error);
    assert.ok(refused.length > 0, `${event[0]} has no rate`);
    assert.ok(refused.every(({ error }) => error.code === "rate_limited" && error.retry_after_ms > 0));
    await until("the rate", () => bob.connected, [bob]);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
});
