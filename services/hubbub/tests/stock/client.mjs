// What the scripts share: connecting the stock client, waiting for what it hears, asking with an answer.

import assert from "node:assert/strict";
import { io as io4 } from "socket.io-client";
import io3 from "socket.io-client-3";

/** No script waits longer than this for anything. */
export const PATIENCE = JSON.parse(process.env.STOCK ?? "{}").patience ?? 30_000;

const settings = JSON.parse(process.env.STOCK ?? "{}");
export const { url, tokens = {}, transports = ["polling", "websocket"], version = 4 } = settings;
export { settings };

const io = version === 3 ? io3.io ?? io3 : io4;

/** A socket of its own connection, which writes down all that it hears in `heard`. */
export function open(namespace, options = {}) {
  const socket = io(url + namespace, { transports, forceNew: true, reconnectionDelay: 100, reconnectionDelayMax: 500, ...options });
  socket.heard = [];
  socket.onAny((name, ...args) => {
    socket.heard.push([name, ...args]);
    socket.heard.wake?.();
  });
  return socket;
}

/** Waits until `look` gives something. Everything a socket hears, and time, makes it look again. */
export async function until(what, look, sockets = []) {
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    const found = look();
    if (found) return found;
    if (Date.now() > deadline) {
      const heard = sockets.map((socket) => JSON.stringify(socket.heard.slice(-10)));
      throw new Error(`waited in vain for ${what}; last heard: ${heard.join(" | ")}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The arguments of the first event of a name that fits. */
export async function hears(socket, name, fits = () => true) {
  const found = await until(
    name,
    () => socket.heard.find(([heard, ...args]) => heard === name && fits(...args)),
    [socket],
  );
  return found.slice(1);
}

export const count = (socket, name, fits = () => true) =>
  socket.heard.filter(([heard, ...args]) => heard === name && fits(...args)).length;

export const connected = (socket) => until("a connection", () => socket.connected, [socket]);

/** Emits and waits for the answer. */
export function ask(socket, ...event) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer to ${JSON.stringify(event)}`)), PATIENCE);
    socket.emit(...event, (answer) => {
      clearTimeout(timer);
      resolve(answer);
    });
  });
}

/** Emits, and expects to be refused: in the answer and as an event. */
export async function refused(socket, code, ...event) {
  const before = count(socket, "error");
  const answer = await ask(socket, ...event);
  assert.equal(answer?.error?.code, code, JSON.stringify(answer));
  assert.ok(answer.error.message.length > 0);
  await until("an error event", () => count(socket, "error") > before, [socket]);
  const [, text, details] = socket.heard.filter(([name]) => name === "error").at(-1);
  assert.equal(text, answer.error.message);
  assert.equal(details.code, code);
  return answer.error;
}

/** Every message is there once. */
export const texts = (socket, room) =>
  socket.heard.filter(([name, it]) => name === "chatMessage" && it.room === room).map(([, it]) => it.message);

/** Runs a script; it says `passed` or ends with a failure. */
export async function run(script) {
  const sockets = [];
  try {
    await script((...args) => {
      const socket = open(...args);
      sockets.push(socket);
      return socket;
    });
    console.log("passed");
  } catch (error) {
    console.error(error);
    process.exitCode = 1;
  } finally {
    for (const socket of sockets) socket.disconnect();
    // Whatever a client still waits for is nobody's concern now.
    setTimeout(() => process.exit(), 200);
  }
}
