// The chat that hubbub is measured against, on Socket.IO 4 for Node with its Redis adapter and Postgres.
//
// Written the way Socket.IO's own documentation advises, for speed where it gives advice: the sharded
// adapter over ioredis, native helpers for WebSocket frames, no compression, the handshake's request let
// go. A message is one statement, which is one transaction; it is acknowledged after the commit and then
// emitted to its room. The same client id twice is the same message, so that a client may send again.
//
// Environment: PORT, DATABASE_URL, REDIS_URL, SECRET (of HS256 tokens for and by `hubbub`), and
// PING_INTERVAL_MS if it is not to be the library's.
// Any number of these processes share one database and one Redis.

import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { createShardedAdapter } from "@socket.io/redis-adapter";
import { Redis } from "ioredis";
import jwt from "jsonwebtoken";
import pg from "pg";
import { Server } from "socket.io";
import { migrate, store } from "./store.js";

const { PORT, DATABASE_URL, REDIS_URL, SECRET, PING_INTERVAL_MS = 25_000 } = process.env;
// Postgres holds up to as many commits in flight; rooms beyond that wait for a connection.
const POOL_MAX = 20;
// Messages of one room that wait for their commit. Beyond it the sender is told to come back.
const WAITING_MAX = 10_000;

const pool = new pg.Pool({ connectionString: DATABASE_URL, max: POOL_MAX });
// An idle connection that breaks is replaced by the pool; without a listener it would end the process.
pool.on("error", report("postgres"));
await migrate(pool);

const publisher = new Redis(REDIS_URL);
// The check asks for INFO, which a connection that subscribes meanwhile refuses, and the adapter leaves a
// subscription that fails unhandled: either would end the process when Redis comes back.
const subscriber = publisher.duplicate({ enableReadyCheck: false, maxRetriesPerRequest: null });
publisher.on("error", report("redis"));
subscriber.on("error", report("redis"));
await Promise.all([publisher.ping(), subscriber.ping()]);

const server = createServer();
const io = new Server(server, {
  adapter: createShardedAdapter(publisher, subscriber),
  perMessageDeflate: false,
  serveClient: false,
  maxHttpBufferSize: 65_536,
  pingInterval: Number(PING_INTERVAL_MS),
});

// Documented to save memory: the first request is not needed once the connection stands.
io.engine.on("connection", (connection) => {
  connection.request = null;
});

io.use((socket, next) => {
  const expected = { algorithms: ["HS256"], issuer: "hubbub", audience: "hubbub" };
  jwt.verify(socket.handshake.auth.token, SECRET, expected, (error, claims) => {
    if (error || !claims.sub) return next(new Error("unauthenticated"));
    socket.data.user = claims.sub;
    next();
  });
});

io.on("connection", (socket) => {
  socket.on("join-room", async ({ room }, ack) => {
    await socket.join(room);
    ack({ room });
  });
  socket.on("chatMessage", ({ room, client_id, body }, ack) => {
    // What is not a room of the sender is not told apart from what does not exist.
    if (!socket.rooms.has(room)) return ack({ error: "not_found" });
    inTurn(room, () => post({ room, client_id, body, sender: socket.data.user }, ack), ack);
  });
});

/** Stores a message, acknowledges it, and tells its room. */
async function post({ room, client_id, body, sender }, ack) {
  const message_id = randomUUID();
  const created_at = new Date().toISOString();
  const message = { room, message_id, sender, client_id, created_at, body };
  try {
    const { seq, ...stored } = await store(pool, message);
    ack({ seq, rev: seq, ...stored });
    if (!stored.duplicate) {
      io.to(room).emit("chatMessage", { room, seq, rev: seq, message_id, sender, client_id, created_at, body });
    }
  } catch (error) {
    report("store")(error);
    ack({ error: "unavailable" });
  }
}

// The messages of a room are stored one after the other: its row would be locked anyway, and so they are
// emitted in their order and a busy room holds one connection of the pool instead of all.
const turns = new Map();

function inTurn(room, work, ack) {
  const turn = turns.get(room) ?? { last: Promise.resolve(), waiting: 0 };
  if (turn.waiting >= WAITING_MAX) return ack({ error: "unavailable" });
  turns.set(room, turn);
  turn.waiting += 1;
  turn.last = turn.last.then(work).finally(() => {
    turn.waiting -= 1;
    if (turn.waiting === 0) turns.delete(room);
  });
}

function report(what) {
  return (error) => console.error(`${what}: ${error.message}`);
}

async function shutDown() {
  await io.close();
  publisher.disconnect();
  subscriber.disconnect();
  await pool.end();
}
process.once("SIGTERM", shutDown);
process.once("SIGINT", shutDown);

// A room of tens of thousands of sessions is connected to at once: the default backlog is 511.
server.listen({ port: Number(PORT), host: "127.0.0.1", backlog: 4096 }, () => console.log("ready"));
