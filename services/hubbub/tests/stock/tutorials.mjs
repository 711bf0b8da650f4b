// The clients of five tutorials that teach Socket.IO with a chat, as their authors wrote them but for the
// page around them: the same events with the same payloads, and what they expect in return, in order.
// Differences that are wanted are listed in docs/socketio.md.

import assert from "node:assert/strict";
import { ask, connected, hears, run, tokens, until } from "./client.mjs";

/** What a socket heard, but for events that the tutorial does not know. */
const heard = (socket, ...names) => socket.heard.filter(([name]) => names.includes(name));

/** Direct messages between two members: a namespace with a token, a room in the query, history by time. */
async function conversation(open) {
  const start = open("/chat", { auth: { token: tokens.alice } });
  const { roomId } = await ask(start, "openRoom", { receiver: "bob" });
  start.disconnect();
  const enter = (user) => {
    const socket = open("/chat", { query: { room: roomId }, auth: { token: tokens[user] } });
    const view = { messages: [], typing: false, errors: [] };
    // A page goes in front of what is there; a new message behind it.
    socket.on("history", (messages) => view.messages.unshift(...messages));
    socket.on("chatMessage", (message) => view.messages.push(message));
    socket.on("typing", (typing) => (view.typing = typing));
    socket.on("error", (text) => view.errors.push(text));
    return [socket, view];
  };
  const [[alice, hers], [bob, his]] = [enter("alice"), enter("bob")];
  await Promise.all([alice, bob].map(connected));
  const burst = Array.from({ length: 75 }, (_, number) => `${roomId} ${number}`);
  for (const message of burst) alice.emit("chatMessage", { message, sender: "alice" });
  await until("all messages", () => hers.messages.length === burst.length && his.messages.length === burst.length, [alice, bob]);
  // The sender hears itself, as everybody else, and all in one order.
  assert.deepEqual(hers.messages.map((it) => it.message), burst);
  assert.deepEqual(his.messages, hers.messages);
  assert.ok(hers.messages.every((it) => it.sender === "alice" && it._id && it.createdAt));

  // Another page load: the newest thirty, and by the oldest one's time what is older, until nothing comes.
  for (const form of [(time) => time, (time) => new Date(time).toISOString(), Date.parse, (time) => String(Date.parse(time))]) {
    const [reader, view] = enter("bob");
    await connected(reader);
    reader.emit("history", {});
    let pages = 1;
    const answered = () => heard(reader, "history").length === pages;
    await until("a page", answered, [reader]);
    assert.equal(view.messages.length, 30);
    for (let last = 0; view.messages.length > last; pages++) {
      last = view.messages.length;
      reader.emit("history", { lastTime: form(view.messages[0].createdAt) });
      await until("a page", () => heard(reader, "history").length === pages + 1, [reader]);
    }
    assert.deepEqual(view.messages.slice(-burst.length).map((it) => it.message), burst, String(form));
    assert.equal(new Set(view.messages.map((it) => it._id)).size, view.messages.length, "none twice");
    reader.disconnect();
  }

  alice.emit("typing", true);
  await until("typing", () => his.typing === true, [bob]);
  alice.emit("typing", false);
  await until("no typing", () => his.typing === false, [bob]);
  assert.equal(heard(alice, "typing").length, 0);
  assert.deepEqual([hers.errors, his.errors], [[], []]);
  alice.emit("history", { lastTime: "yesterday" });
  await until("an error", () => hers.errors.length === 1, [alice]);
  assert.equal(typeof hers.errors[0], "string");
  alice.emit("leaveRoom", roomId);
  for (const socket of [alice, bob]) socket.disconnect();
}

/** Broadcasts, rooms with a callback, and a namespace with a middleware. */
async function rooms(open) {
  const [ann, ben, eve] = [open("/"), open("/"), open("/")];
  await Promise.all([ann, ben, eve].map(connected));
  const room = `red ${ann.id}`;
  for (const socket of [ann, ben]) {
    const joined = await new Promise((resolve) => socket.emit("join-room", room, resolve));
    assert.equal(joined, `Joined ${room}`);
  }
  ann.emit("join-room", room);
  ann.emit("send-message", "in the room", room);
  ann.emit("send-message", "to everybody else", "");
  ann.emit("send-message", "without a room");
  await hears(eve, "receive-message", (text) => text === "without a room");
  await hears(ben, "receive-message", (text) => text === "without a room");
  assert.deepEqual(heard(ben, "receive-message").map(([, text]) => text), ["in the room", "to everybody else", "without a room"]);
  assert.deepEqual(heard(eve, "receive-message").map(([, text]) => text), ["to everybody else", "without a room"]);
  assert.equal(heard(ann, "receive-message").length, 0, "not to oneself");

  const refused = open("/chat", { auth: { token: "xxxxx" }, reconnection: false });
  const error = await new Promise((resolve) => refused.on("connect_error", resolve));
  assert.ok(error instanceof Error && error.message.length > 0);
  const admitted = open("/chat", { auth: { token: tokens.alice } });
  await connected(admitted);
  for (const socket of [ann, ben, eve, admitted]) socket.disconnect();
}

/** Everybody is given a name and a colour, and told how many there are. */
async function colours(open) {
  const enter = () => {
    const socket = open("/");
    const view = { nickName: "", color: "", counts: 1, msg: [] };
    socket.once("initUser", ({ name, color }) => Object.assign(view, { nickName: name, color }));
    socket.on("sys message", ({ data, counts }) => {
      view.counts = counts;
      view.msg.push({ description: data, sys: true });
    });
    socket.on("message from server", (item) => {
      item.sys = false;
      view.msg.push(item);
    });
    return [socket, view];
  };
  const [one, first] = enter();
  const told = (view, name) => view.msg.some((it) => it.sys && it.description.includes(name));
  await until("a name", () => first.nickName && told(first, first.nickName), [one]);
  const place = (name, fits) => one.heard.findIndex(([heard, it]) => heard === name && fits(it));
  const arrival = place("sys message", ({ data }) => data.includes(first.nickName));
  assert.ok(place("initUser", ({ name }) => name === first.nickName) < arrival, "first who, then that they came");
  const [two, second] = enter();
  await until("a second guest", () => second.nickName && [first, second].every((view) => told(view, second.nickName)), [one, two]);
  const { nickName, color } = second;
  // Guests of before may still go meanwhile.
  const counted = () => heard(one, "sys message").filter(([, { data }]) => data.includes(nickName)).map(([, { counts }]) => counts);
  assert.ok(counted()[0] >= 2, `${counted()}`);
  two.emit("chat message", { description: "hello", nickName, color });
  for (const [socket, view] of [[one, first], [two, second]]) {
    await until("the message", () => view.msg.some((it) => it.description === "hello"), [socket]);
    assert.deepEqual(view.msg.find((it) => !it.sys), { description: "hello", nickName, color, sys: false });
  }
  two.close();
  await until("a departure", () => counted().length === 2, [one]);
  assert.ok(counted()[1] < counted()[0], `${counted()}`);
  one.close();
}

/** Nicknames: taken ones, who came and who went, and how many are logged in. */
async function nicknames(open) {
  const enter = () => {
    const socket = open("/");
    const view = { state: "", notices: [], members: null };
    socket.on("repeat", () => (view.state = "repeat"));
    socket.on("loginSuccess", () => (view.state = "in"));
    // As the page does it: `flag` says which of the two it is.
    socket.on("system", (data) => {
      view.notices.push(data.flag ? `${data.nickname} joined` : `${data.nickname} left`);
      view.members = data.size;
    });
    return [socket, view];
  };
  const [[one, first], [two, second], [three, third]] = [enter(), enter(), enter()];
  await Promise.all([one, two, three].map(connected));
  const [ann, ben, eve] = ["ann", "ben", "eve"].map((name) => `${name}-${one.id.slice(0, 8)}`);
  one.emit("login", ann);
  await until("a login", () => first.state === "in" && third.notices.includes(`${ann} joined`), [one, three]);
  assert.deepEqual(heard(one, "loginSuccess", "system")[0][0], "loginSuccess", "before it is announced");
  const base = third.members;
  for (const taken of [ann, "system"]) {
    second.state = "";
    two.emit("login", taken);
    await until("a refusal", () => second.state === "repeat", [two]);
  }
  two.emit("login", ben);
  await until("a second member", () => third.members === base + 1, [three]);
  const payload = heard(three, "system").map(([, data]) => data).at(-1);
  assert.deepEqual(payload, { nickname: ben, size: base + 1, flag: true });

  // Again by one's own name: it succeeds, and is no arrival.
  two.emit("login", ben);
  await until("a login", () => heard(two, "loginSuccess").length === 2, [two]);
  // By another name: the first one leaves.
  two.emit("login", eve);
  await until("another name", () => first.notices.includes(`${eve} joined`), [one]);
  const mine = first.notices.filter((it) => [ann, ben, eve].some((name) => it.startsWith(name)));
  assert.deepEqual(mine, [`${ann} joined`, `${ben} joined`, `${ben} left`, `${eve} joined`]);
  assert.equal(first.members, base + 1, "as many as before");

  two.disconnect();
  await until("a departure", () => first.notices.includes(`${eve} left`), [one]);
  assert.equal(first.members, base);
  const last = heard(one, "system").map(([, data]) => data).at(-1);
  assert.deepEqual(last, { nickname: eve, size: base, flag: false });
  for (const socket of [one, three]) socket.disconnect();
}

/** One text, and everybody hears it with the id of its sender. */
async function broadcast(open) {
  const [one, two] = [open("/"), open("/")];
  await Promise.all([one, two].map(connected));
  one.emit("chat", "hello");
  for (const socket of [one, two]) {
    const [text] = await hears(socket, "chat", (it) => it.startsWith("hello-"));
    assert.match(text, /^hello-用户:[\w-]+$/);
  }
  for (const socket of [one, two]) socket.disconnect();
}

run(async (open) => {
  for (const tutorial of [conversation, rooms, colours, nicknames, broadcast]) {
    await tutorial(open);
    console.log(`${tutorial.name} works`);
  }
});
