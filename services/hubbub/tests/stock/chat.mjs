// Everything that can be done in /chat, by the stock client.

import assert from "node:assert/strict";
import { ask, connected, count, hears, refused, run, settings, texts, tokens, transports, until, version } from "./client.mjs";

const chat = (open, user, options = {}) => open("/chat", { auth: { token: tokens[user] }, ...options });

async function refusedConnections(open) {
  for (const [auth, code] of [[{ token: "not a token" }, "unauthenticated"], [{}, "unauthenticated"]]) {
    const socket = open("/chat", { auth, reconnection: false });
    const error = await new Promise((resolve) => socket.on("connect_error", resolve));
    assert.equal(error.data?.code, code, `${error.message}: ${error.description?.message ?? error.description}`);
    assert.ok(error.message.length > 5, error.message);
    socket.disconnect();
  }
  const old = open("/chat", { query: { token: tokens.alice } });
  await connected(old);
  old.disconnect();
}

async function conversation(alice, bob) {
  const opened = await ask(alice, "openRoom", { receiver: "bob" });
  assert.equal(opened._id, "bob");
  assert.equal(opened.name, "bob");
  assert.equal(typeof opened.avatar, "string");
  const room = opened.roomId;
  assert.equal((await ask(bob, "openRoom", { receiver: "alice" })).roomId, room, "one room for two");
  for (const socket of [alice, bob]) assert.equal((await ask(socket, "join-room", room)).ok, true);

  const clientId = `first-${Math.random()}`;
  const said = { message: "hi bob ✓ \u{1f600}", clientId, sender: "mallory" };
  const stored = await ask(alice, "chatMessage", said);
  assert.ok(stored._id && stored.seq && stored.createdAt);
  for (const socket of [alice, bob]) {
    const [message] = await hears(socket, "chatMessage", (it) => it._id === stored._id);
    const { _id, seq, createdAt } = stored;
    const fields = { _id, room, seq, sender: "alice", message: said.message, createdAt, clientId };
    assert.deepEqual(Object.fromEntries(Object.keys(fields).map((key) => [key, message[key]])), fields);
  }
  const again = await ask(alice, "chatMessage", said);
  assert.deepEqual([again._id, again.seq, again.duplicate], [stored._id, stored.seq, true]);
  return room;
}

async function changes(alice, bob, room) {
  const { seq } = await ask(bob, "chatMessage", { room, message: "mistake" });
  assert.ok((await ask(bob, "editMessage", { room, seq, message: "corrected" })).rev);
  assert.ok((await ask(alice, "react", { room, seq, emoji: "👍" })).rev);
  await hears(alice, "messageEdited", (it) => it.seq === seq && it.message === "corrected");
  await hears(bob, "messageReacted", (it) => it.seq === seq && it.user === "alice" && it.on);
  assert.ok((await ask(bob, "deleteMessage", { room, seq })).rev);
  await hears(alice, "messageDeleted", (it) => it.seq === seq && it.by === "bob");
  assert.ok((await ask(alice, "history", { limit: 1 }))[0].deleted);
}

async function paging(alice, bob, room) {
  const sent = Array.from({ length: 35 }, (_, number) => `page ${number}`);
  for (const message of sent) assert.ok((await ask(alice, "chatMessage", { room, message })).seq);
  bob.heard.length = 0;
  const newest = await ask(bob, "history", {});
  const [emitted] = await hears(bob, "history");
  assert.deepEqual(emitted, newest);
  assert.equal(newest.length, 30);
  assert.deepEqual(newest.map((it) => it.message), sent.slice(5));
  for (const before of [{ lastTime: newest[0].createdAt }, { beforeSeq: newest[0].seq }]) {
    const older = await ask(bob, "history", before);
    assert.deepEqual(older.slice(-5).map((it) => it.message), sent.slice(0, 5));
    assert.ok(older.every((it) => it.seq < newest[0].seq));
  }
  const [record] = (await ask(bob, "chatRecord")).filter((it) => it.roomId === room);
  assert.equal(record.receiver, "alice");
  assert.equal(record.name, "alice");
  assert.equal(record.message.message, sent.at(-1));
  assert.equal(record.message.sender, "alice");
  assert.ok(record.unread >= 35);
  const seq = newest.at(-1).seq;
  assert.equal((await ask(bob, "read", { room, seq: seq - 2 })).unread, 2);
  assert.equal((await ask(bob, "read", { room, seq })).unread, 0);
}

async function typing(alice, bob, room) {
  alice.emit("typing", true);
  const [, where] = await hears(bob, "typing", (on) => on === true);
  assert.deepEqual(where, { room, user: "alice" });
  alice.emit("typing", false);
  await hears(bob, "typing", (on) => on === false);
  assert.equal(count(alice, "typing"), 0, "not to oneself");
}

async function refusals(alice, bob, carol, room) {
  await refused(carol, "not_found", "join-room", room);
  await refused(carol, "not_found", "chatMessage", { room, message: "let me in" });
  await refused(carol, "not_found", "history", { room });
  await refused(carol, "bad_request", "chatMessage", { message: "where" });
  await refused(alice, "bad_request", "shout", "hello");
  await refused(alice, "bad_request", "join-room", "no room");
  await refused(alice, "bad_request", "openRoom", {});
  await refused(alice, "too_large", "chatMessage", { room, message: "x".repeat(4_001) });
  assert.ok((await ask(alice, "chatMessage", { room, message: "é".repeat(4_000) })).seq);
  const [full] = await hears(bob, "chatMessage", (it) => it.message.length === 4_000);
  assert.equal(full.message, "é".repeat(4_000));
}

async function rooms(open, alice, bob, room) {
  assert.equal((await ask(bob, "leaveRoom", room)).ok, true);
  await ask(alice, "chatMessage", { room, message: "not for bob now" });
  assert.equal((await ask(bob, "join-room", room)).ok, true);
  await ask(alice, "chatMessage", { room, message: "for bob again" });
  await hears(bob, "chatMessage", (it) => it.message === "for bob again");
  assert.ok(!texts(bob, room).includes("not for bob now"));

  const quiet = chat(open, "alice", { query: { room, echo: 0 } });
  await connected(quiet);
  await ask(quiet, "chatMessage", { message: "no echo" });
  await ask(alice, "chatMessage", { room, message: "behind it" });
  await hears(quiet, "chatMessage", (it) => it.message === "behind it");
  assert.ok(!texts(quiet, room).includes("no echo"));
  await hears(alice, "chatMessage", (it) => it.message === "no echo");
  quiet.disconnect();
}

/** How many are in a public room, for somebody who is not in it. */
async function square(alice, bob, room) {
  assert.equal((await ask(bob, "join-room", room)).ok, true);
  const page = await ask(alice, "publicRooms", { prefix: "square", watch: true });
  assert.deepEqual(page.rooms.map((it) => [it.room, it.kind]), [[room, "public"]]);
  if (page.rooms[0].online === undefined) await hears(alice, "roomOnline", (it) => it.room === room && it.online >= 1);
  else assert.ok(page.rooms[0].online >= 1);
  await ask(alice, "publicRooms", { watch: false });
  await refused(alice, "bad_request", "publicRooms", { limit: 1_000 });
  assert.equal((await ask(bob, "leaveRoom", room)).ok, true);
}

/** The connection breaks, and what was said meanwhile is there afterwards: once, in order. */
async function recovery(alice, bob, room) {
  const other = (await ask(bob, "openRoom", { receiver: "carol" })).roomId;
  await ask(bob, "join-room", other);
  await ask(bob, "join-room", room);
  const seen = () => bob.heard.filter(([name]) => name === "chatMessage").map(([, it]) => it.seq);
  await ask(alice, "chatMessage", { room, message: "before" });
  await hears(bob, "chatMessage", (it) => it.message === "before");
  bob.heard.length = 0;
  const reconnected = new Promise((resolve) => bob.once("connect", resolve));
  const id = bob.id;
  bob.io.engine.close();
  for (let number = 0; number < 5; number++) await ask(alice, "chatMessage", { room, message: `missed ${number}` });
  await reconnected;
  await hears(bob, "chatMessage", (it) => it.message === "missed 4");
  assert.equal(bob.recovered, true);
  assert.equal(bob.id, id, "a recovered socket keeps its id");
  await ask(alice, "chatMessage", { room, message: "after" });
  await hears(bob, "chatMessage", (it) => it.message === "after");
  assert.deepEqual(texts(bob, room), ["missed 0", "missed 1", "missed 2", "missed 3", "missed 4", "after"]);
  assert.deepEqual(seen(), [...seen()].sort((a, b) => a - b));
  assert.equal((await ask(bob, "chatMessage", "in the room entered last")).error, undefined);
  await hears(alice, "chatMessage", (it) => it.message === "in the room entered last");
}

run(async (open) => {
  await refusedConnections(open);
  const [alice, bob, carol] = ["alice", "bob", "carol"].map((user) => chat(open, user));
  await Promise.all([alice, bob, carol].map(connected));
  if (transports.length > 1) {
    await until("an upgrade", () => [alice, bob].every((it) => it.io.engine.transport.name === "websocket"));
  } else {
    assert.equal(alice.io.engine.transport.name, transports[0]);
  }
  const room = await conversation(alice, bob);
  await changes(alice, bob, room);
  await paging(alice, bob, room);
  if (settings.typing) await typing(alice, bob, room);
  await refusals(alice, bob, carol, room);
  await rooms(open, alice, bob, room);
  if (settings.square) await square(alice, bob, settings.square);
  if (version === 4) await recovery(alice, bob, room);
});
