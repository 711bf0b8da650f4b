// A guest who says much, beside others who read slowly or not at all for a while: what they cannot take is
// dropped, and nobody is disconnected.

import assert from "node:assert/strict";
import { ask, connected, count, hears, refused, run, settings, until } from "./client.mjs";

run(async (open) => {
  const [loud, slow, other] = [open("/"), open("/"), open("/")];
  await Promise.all([loud, slow, other].map(connected));
  const engine = slow.io.engine.id;

  // Nested values count, and what is attached.
  const letters = Array.from({ length: settings.wordBytesMax / 4 }, () => "A");
  await refused(loud, "too_large", "chat message", { z: letters });
  await refused(loud, "too_large", "chat message", { z: Buffer.alloc(settings.wordBytesMax) });
  assert.equal(count(other, "message from server"), 0);

  // Nothing is read from the slow one's connection.
  const connection = slow.io.engine.transport.ws._socket;
  connection.pause();
  const picture = Buffer.alloc(settings.wordBytesMax - 2_000);
  for (let number = 0; number < 300; number++) {
    const answer = await ask(loud, "chat message", { number, picture });
    assert.deepEqual(answer, { ok: true });
  }
  await hears(other, "message from server", ({ number }) => number === 299);
  connection.resume();
  await ask(loud, "chat message", { number: "last" });
  await hears(slow, "message from server", ({ number }) => number === "last").catch(() => {});
  // Whatever it went without, it is there, and hears what is said from now on.
  await until("an answer", () => slow.connected, [slow]);
  assert.deepEqual(await ask(slow, "chat", "still here"), { ok: true });
  await hears(slow, "chat", (text) => text.startsWith("still here"));
  assert.equal(slow.io.engine.id, engine, "the same connection");
  assert.ok(count(slow, "message from server") < 300, "some were dropped");
});
