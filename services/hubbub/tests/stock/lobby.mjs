// Everything that can be done in the lobby, by the stock client: guests on whichever gateway they got.

import assert from "node:assert/strict";
import { ask, connected, count, hears, refused, run, until } from "./client.mjs";

const names = { ann: `Ann-${process.pid}`, ben: `Ben-${process.pid}` };

async function arriving(open) {
  const [ann, ben, eve] = [open("/"), open("/"), open("/")];
  await Promise.all([ann, ben, eve].map(connected));
  const users = await Promise.all([ann, ben, eve].map((guest) => hears(guest, "initUser")));
  for (const [{ name, color }] of users) {
    assert.match(name, /^guest-\d{6}$/);
    assert.match(color, /^#[0-9a-f]{6}$/);
  }
  assert.equal(new Set(users.map(([{ name }]) => name)).size, 3);
  await hears(ann, "sys message", ({ counts }) => counts >= 3);
  return [ann, ben, eve];
}

async function nicknames(ann, ben, eve) {
  ann.emit("login", names.ann);
  await hears(ann, "loginSuccess", (name) => name === names.ann);
  for (const guest of [ann, ben, eve]) {
    const [{ size }] = await hears(guest, "system", (it) => it.nickname === names.ann && it.flag === true);
    assert.ok(size >= 1);
  }
  for (const taken of [names.ann, names.ann.toUpperCase(), "system", "SYSTEM"]) {
    ben.emit("login", taken);
    await hears(ben, "repeat", (name) => name === taken);
  }
  assert.equal(count(ben, "loginSuccess"), 0);
  ben.emit("login", names.ben);
  await hears(ben, "loginSuccess");
  // Whoever takes another name gives the first one back.
  eve.emit("login", `Eve-${process.pid}`);
  await hears(eve, "loginSuccess");
  eve.emit("login", `Eva-${process.pid}`);
  await hears(eve, "loginSuccess", (name) => name.startsWith("Eva"));
  assert.deepEqual(await ask(ben, "login", `eve-${process.pid}`), { ok: true });
  assert.deepEqual(await ask(ben, "login", names.ben), { ok: true });
}

async function talking(ann, ben, eve) {
  ann.emit("chat message", { description: "hello all", mood: "good", nickName: "system" });
  for (const guest of [ann, ben, eve]) {
    const [said] = await hears(guest, "message from server", (it) => it.description === "hello all");
    assert.equal(said.nickName, names.ann);
    assert.equal(said.mood, "good");
    assert.match(said.color, /^#/);
  }
  ann.emit("chat", "short");
  for (const guest of [ann, ben, eve]) {
    const [text] = await hears(guest, "chat");
    assert.equal(text, `short-用户:${ann.id}`);
  }
  const picture = Buffer.from(Array.from({ length: 5_000 }, (_, at) => at % 256));
  ben.emit("chat message", { description: "a picture", picture });
  for (const guest of [ann, ben, eve]) {
    const [said] = await hears(guest, "message from server", (it) => it.description === "a picture");
    assert.ok(Buffer.from(said.picture).equals(picture));
  }
}

async function rooms(ann, ben, eve) {
  for (const guest of [ann, ben]) assert.equal(await ask(guest, "join-room", "red"), "Joined red");
  ann.emit("send-message", "in red", "red");
  await hears(ben, "receive-message", (text) => text === "in red");
  ann.emit("send-message", "to all others", "");
  for (const guest of [ben, eve]) await hears(guest, "receive-message", (text) => text === "to all others");
  assert.equal(count(eve, "receive-message", (text) => text === "in red"), 0);
  assert.equal(count(ann, "receive-message"), 0);

  assert.deepEqual(await ask(ann, "private message", { to: names.ben.toLowerCase(), message: "psst" }), { ok: true });
  const [secret] = await hears(ben, "private message");
  assert.equal(secret.message, "psst");
  assert.equal(secret.nickName, names.ann);
  assert.equal(count(eve, "private message") + count(ann, "private message"), 0);
  await refused(ann, "not_found", "private message", { to: "nobody at all", message: "?" });
  await refused(ann, "bad_request", "join-room", 7);
  await refused(ann, "too_large", "login", "x".repeat(33));
  await refused(ann, "bad_request", "dance");
}

async function leaving(ann, ben, eve) {
  const before = ann.heard.length;
  ben.disconnect();
  const later = (name, fits) => until(name, () => ann.heard.slice(before).find(([it, arg]) => it === name && fits(arg)), [ann]);
  const [, gone] = await later("sys message", ({ data }) => data.includes(names.ben));
  assert.ok(gone.counts >= 2);
  await later("system", ({ nickname, flag }) => nickname === names.ben && flag === false);
  // The name is free again.
  assert.deepEqual(await ask(eve, "login", names.ben), { ok: true });
}

run(async (open) => {
  const guests = await arriving(open);
  await nicknames(...guests);
  await talking(...guests);
  await rooms(...guests);
  await leaving(...guests);
});
