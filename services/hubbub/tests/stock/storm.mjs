// Many stock clients that talk in rooms while somebody breaks what is between them, and the
// judgement of what each of them saw. Says `ready` once all are in, `talking` from time to time, and ends
// after `calm` is read from the standard input and everybody has what was said.

import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { open, settings, tokens, until } from "./client.mjs";

const { people, rooms: groups, interval } = settings;
const world = { talking: true, said: new Map(), acked: 0, recovered: 0, anew: 0 };

/** Emits until it is answered, over however many connections. */
async function stubborn(socket, ...event) {
  for (;;) {
    await until("a connection", () => socket.connected, [socket]);
    const answer = await new Promise((resolve) => socket.timeout(3_000).emit(...event, (late, it) => resolve(late ? null : it)));
    if (answer && !answer.error) return answer;
    if (answer && !answer.error.retryable) throw new Error(JSON.stringify(answer.error));
  }
}

async function person(name, room) {
  const socket = open("/chat", { auth: { token: tokens[name] }, timeout: 20_000 });
  const seen = { name, room, socket, got: new Map(), doubled: [], begun: 0 };
  socket.offAny();
  socket.on("chatMessage", ({ room: where, seq, _id, clientId }) => {
    if (where !== room) return;
    if (seen.got.has(seq)) seen.doubled.push(seq);
    seen.got.set(seq, { _id, clientId });
    seen.last = Math.max(seen.last ?? 0, seq);
    if (seq < seen.last) seen.disorder = [seq, seen.last];
  });
  socket.on("connect", () => {
    seen.begun += 1;
    if (seen.begun === 1) return;
    world[socket.recovered ? "recovered" : "anew"] += 1;
  });
  await stubborn(socket, "join-room", room);
  return seen;
}

async function talk({ name, room, socket }) {
  for (let number = 0; world.talking; number++) {
    const clientId = `${name}-${number}`;
    const { seq } = await stubborn(socket, "chatMessage", { room, clientId, message: `${clientId} says something` });
    assert.ok(!world.said.has(clientId));
    world.said.set(clientId, { room, seq });
    world.acked += 1;
    await new Promise((resolve) => setTimeout(resolve, interval * (0.5 + Math.random())));
  }
}

async function main() {
  const ids = [];
  for (let group = 0; group < groups; group++) ids.push(settings.ids[group]);
  const everybody = await Promise.all(people.map((name, at) => person(name, ids[at % groups])));
  console.log("ready");
  const talks = everybody.map(talk);
  const report = setInterval(() => console.log(`talking ${world.acked}`), 200);
  for await (const line of createInterface({ input: process.stdin })) if (line === "calm") break;
  world.talking = false;
  await Promise.all(talks);
  clearInterval(report);

  const expected = new Map(ids.map((room) => [room, new Map()]));
  for (const [clientId, { room, seq }] of world.said) expected.get(room).set(seq, clientId);
  const missing = (it) => [...expected.get(it.room).keys()].filter((seq) => !it.got.has(seq));
  await until("everybody to have everything", () => everybody.every((it) => missing(it).length === 0)).catch(() => {});
  for (const it of everybody) {
    assert.deepEqual(missing(it), [], `${it.name} missed something`);
    assert.deepEqual(it.doubled, [], `${it.name} got something twice`);
    assert.equal(it.disorder, undefined, `${it.name} got something out of order`);
    for (const [seq, { clientId }] of it.got) assert.equal(expected.get(it.room).get(seq), clientId);
  }
  const { acked, recovered, anew } = world;
  console.log(JSON.stringify({ clients: everybody.length, acked, recovered, anew }));
  assert.equal(anew, 0, "everybody was recovered");
  assert.ok(recovered > 0, "somebody had to come back");
  console.log("passed");
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
