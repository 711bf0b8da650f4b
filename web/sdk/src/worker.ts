/** The SharedWorker: one hub for all tabs of its name. */

import { Hub } from "./hub.js";
import type { HubConfig, ToHub, ToTab } from "./messages.js";
import { indexedDbStore, memoryStore } from "./store.js";
import { hold, sharedName, whenGone } from "./tabs.js";

let making: Promise<Hub> | undefined;
let hub: Hub | undefined;
let tabs = 0;

/** The hub's lock has to be held before a tab hears of it. */
async function make(config: HubConfig): Promise<Hub> {
  const name = sharedName(config);
  const lock = `${name}:hub:${Math.random()}`;
  await hold(lock).held;
  const store = typeof indexedDB === "object" ? indexedDbStore(name) : memoryStore();
  hub = new Hub(config, { store, websocket: WebSocket, lock });
  return hub;
}

function serve(port: MessagePort): void {
  const id = String(++tabs);
  const post = (message: ToTab) => port.postMessage(message);
  port.onmessage = async ({ data }: MessageEvent<ToHub>) => {
    if (data.t === "hello") {
      making ??= make(data.config);
      (await making).attach(id, post);
      if (data.lock) whenGone(data.lock, () => hub?.detach(id));
    } else hub?.receive(id, data);
  };
}

addEventListener("connect", (event) => {
  const [port] = (event as MessageEvent).ports;
  if (port) serve(port);
});
