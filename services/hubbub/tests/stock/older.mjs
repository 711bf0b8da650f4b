// A client of Socket.IO 2 is told why it is not served, by the handlers that its app has, and gives up.

import assert from "node:assert/strict";
import io from "socket.io-client-2";

const { url, transports } = JSON.parse(process.env.STOCK);

async function refused(namespace) {
  const socket = io(url + namespace, { transports, forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 50 });
  let handshakes = 0;
  socket.io.on("open", () => handshakes++);
  const reason = await new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error(`${namespace} was told nothing`)), 20_000).unref();
    socket.on("error", resolve);
  });
  assert.match(String(reason), /Unsupported protocol version.*socket\.io-client 4/);
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.equal(handshakes, 1, "it does not try again for ever");
  socket.close();
}

await refused("/");
await refused("/chat");
console.log("passed");
process.exit(0);
