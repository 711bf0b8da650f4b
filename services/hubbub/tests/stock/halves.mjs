// Half of a character, as `text.slice(0, 100)` leaves it behind, in whatever an app emits: texts get U+FFFD
// in its place, identifiers are refused, and no connection ends.

import assert from "node:assert/strict";
import { ask, connected, hears, refused, run, tokens } from "./client.mjs";

const HALF = "😀".slice(0, 1);
const REPLACED = "\ufffd";

run(async (open) => {
  const [alice, bob] = ["alice", "bob"].map((user) => open("/chat", { auth: { token: tokens[user], note: HALF } }));
  const [ann, ben] = [open("/", { auth: { note: HALF } }), open("/")];
  const sockets = [alice, bob, ann, ben];
  await Promise.all(sockets.map(connected));
  const engines = sockets.map((socket) => socket.io.engine.id);

  const { roomId: room } = await ask(alice, "openRoom", { receiver: "bob", note: HALF });
  for (const socket of [alice, bob]) await ask(socket, "join-room", room);
  const clientId = `half-${Math.random()}`;
  const { seq } = await ask(alice, "chatMessage", { message: `cut ${HALF}`, clientId, ignored: { deep: [HALF] } });
  await hears(bob, "chatMessage", (it) => it.message === `cut ${REPLACED}`);
  await ask(alice, "chatMessage", HALF);
  await hears(bob, "chatMessage", (it) => it.message === REPLACED);
  assert.ok((await ask(alice, "editMessage", { room, seq, message: `${HALF} edited` })).rev);
  await hears(bob, "messageEdited", (it) => it.message === `${REPLACED} edited`);
  const binary = { message: HALF, bytes: Buffer.from("bytes") };
  assert.ok((await ask(alice, "chatMessage", binary)).seq, "beside binary data");

  await refused(alice, "bad_request", "chatMessage", { room, message: "x", clientId: HALF });
  await refused(alice, "bad_request", "openRoom", { receiver: HALF });
  await refused(alice, "bad_request", "join-room", HALF);
  await refused(alice, "bad_request", "watch", { users: ["bob", HALF] });
  await refused(alice, "bad_request", "react", { room, seq, emoji: HALF });
  await refused(alice, "bad_request", HALF);

  await ask(ann, "chat message", { description: HALF, [HALF]: HALF, picture: Buffer.from("picture") });
  const [said] = await hears(ben, "message from server");
  assert.deepEqual([said.description, said[REPLACED], said.picture.toString()], [REPLACED, REPLACED, "picture"]);
  ann.emit("chat", HALF);
  await hears(ben, "chat", (text) => text.startsWith(REPLACED));
  await refused(ann, "bad_request", "login", `ann${HALF}`);
  await refused(ann, "bad_request", "join-room", HALF);
  assert.deepEqual(sockets.map((socket) => socket.io.engine.id), engines, "every connection lives on");
});
