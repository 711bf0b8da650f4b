/**
 * The hub and the core are loaded only where a hub is to live: a page that shares a worker loads neither.
 *
 * The three ways to a hub: in a SharedWorker; in the tab that leads (Web Locks elect it, a BroadcastChannel
 * carries the messages); in this tab alone.
 *
 * Ports do not say when their other end dies. Locks do: every tab holds one, and so does every hub; who gets
 * the other's lock knows that it is gone, however it died.
 */

import type { Hub, HubParts } from "./hub.js";
import type { HubConfig, ToHub, ToTab } from "./messages.js";
import type { Transport, TransportEvents, TransportFactory } from "./link.js";

/** Hubs of different versions do not share a socket: an old tab lives on beside new ones after a deploy. */
const VERSION = 1;
/** A worker that says nothing for so long does not work here (blocked by a policy, not found). */
const WORKER_TIMEOUT = 5_000;

/** The name of everything that the tabs of one user share. */
export function sharedName({ url, user }: HubConfig): string {
  return `hubbub:${VERSION}:${new URL(url).href}:${user}`;
}

const newId = () => `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;

const locks = (): LockManager | undefined =>
  typeof navigator === "object" && "locks" in navigator ? navigator.locks : undefined;

/** Holds the lock until the page dies or `release` is called; `held` says that nobody else gets it. */
export function hold(name: string): { held: Promise<void>; release: () => void } {
  let release = () => {};
  const end = new Promise<void>((resolve) => (release = resolve));
  const held = new Promise<void>((resolve) => {
    const work = () => {
      resolve();
      return end;
    };
    locks()
      ?.request(name, work)
      .catch(() => {});
  });
  return { held, release };
}

/** Calls `gone` when nobody holds the lock any longer. */
export function whenGone(name: string, gone: () => void): () => void {
  const waiting = new AbortController();
  locks()
    ?.request(name, { signal: waiting.signal }, () => gone())
    .catch(() => {});
  return () => waiting.abort();
}

const load = () => import("./hub.js");

/** A hub in this tab, for this tab. */
export function alone(config: HubConfig, parts: () => HubParts): TransportFactory {
  return ({ receive, failed }) => {
    let hub: Hub | undefined;
    let closed = false;
    let said: ToHub[] = [];
    const take = (message: ToHub) => {
      if (!hub) said.push(message);
      else if (message.t === "hello") hub.attach("", receive);
      else hub.receive("", message);
    };
    load().then((module) => {
      if (closed) return;
      hub = new module.Hub(config, parts());
      const before = said;
      said = [];
      before.forEach(take);
    }, failed);
    return {
      kind: "alone",
      post: take,
      close() {
        closed = true;
        hub?.end();
      },
    };
  };
}

/** The hub in a SharedWorker. */
export function worker(config: HubConfig, start?: () => SharedWorker): TransportFactory {
  return (events) => {
    if (typeof SharedWorker !== "function" || !locks()) return undefined;
    const name = sharedName(config);
    const lock = `${name}:tab:${newId()}`;
    const { held, release } = hold(lock);
    let port: MessagePort | undefined;
    let unwatch = () => {};
    let closed = false;
    let silence: ReturnType<typeof setTimeout> | undefined;

    const connect = () => {
      const shared = start
        ? start()
        : new SharedWorker(new URL("./worker.js", import.meta.url), { type: "module", name });
      shared.onerror = () => !closed && events.failed();
      port = shared.port;
      port.onmessage = ({ data }: MessageEvent<ToTab>) => {
        clearTimeout(silence);
        if (data.t === "snapshot" && data.snapshot.lock) {
          unwatch();
          unwatch = whenGone(data.snapshot.lock, () => {
            if (closed) return;
            connect();
            events.renewed();
          });
        }
        events.receive(data);
      };
      silence = setTimeout(() => !closed && events.failed(), WORKER_TIMEOUT);
    };

    try {
      connect();
    } catch {
      release();
      return undefined;
    }
    return {
      kind: "worker",
      lock,
      post(message) {
        // The hub watches the lock from `hello` on: it must be held by then.
        if (message.t === "hello") void held.then(() => port?.postMessage(message));
        else port?.postMessage(message);
      },
      close() {
        closed = true;
        clearTimeout(silence);
        unwatch();
        release();
        port?.close();
      },
    };
  };
}

/** What travels on the channel between tabs. */
type Letter =
  | { readonly from: string; readonly hub: ToHub }
  | { readonly to: string; readonly tab: ToTab }
  | { readonly leader: string };

/** The hub in the tab that leads. */
export function leader(config: HubConfig, parts: () => HubParts): TransportFactory {
  return (events) => {
    const manager = locks();
    if (typeof BroadcastChannel !== "function" || !manager) return undefined;
    return new Follower(config, parts, events, manager);
  };
}

class Follower implements Transport {
  readonly kind = "leader";
  readonly lock: string;
  readonly #id = newId();
  readonly #channel: BroadcastChannel;
  readonly #own: ReturnType<typeof hold>;
  readonly #end = new AbortController();
  /** Set while this tab leads. */
  #hub: Hub | undefined;
  #events: TransportEvents | undefined;
  #resign = () => {};

  constructor(
    config: HubConfig,
    parts: () => HubParts,
    events: TransportEvents,
    manager: LockManager,
  ) {
    const name = sharedName(config);
    this.lock = `${name}:tab:${this.#id}`;
    this.#own = hold(this.lock);
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = ({ data }: MessageEvent<Letter>) => {
      if ("hub" in data) this.#serve(data.from, data.hub);
      else if ("leader" in data) {
        if (!this.#hub) events.renewed();
      } else if (data.to === this.#id) events.receive(data.tab);
    };
    const lead = async () => {
      const module = await load().catch(() => undefined);
      if (this.#end.signal.aborted) return;
      if (!module) return events.failed();
      const hub = new module.Hub(config, parts());
      this.#hub = hub;
      this.#events = events;
      const led = new Promise<void>((resolve) => {
        this.#resign = () => {
          this.#hub = undefined;
          hub.end();
          resolve();
        };
      });
      this.#send({ leader: this.#id });
      events.renewed();
      await led;
    };
    manager.request(`${name}:leader`, { signal: this.#end.signal }, lead).catch(() => {});
  }

  post(message: ToHub): void {
    if (this.#hub) this.#serve(this.#id, message);
    else if (message.t === "hello") void this.#own.held.then(() => this.#ask(message));
    else this.#ask(message);
  }

  close(): void {
    this.#end.abort();
    this.#resign();
    this.#own.release();
    this.#channel.close();
  }

  #ask(message: ToHub): void {
    if (this.#hub) this.#serve(this.#id, message);
    else this.#send({ from: this.#id, hub: message });
  }

  #serve(from: string, message: ToHub): void {
    const hub = this.#hub;
    if (!hub) return;
    if (message.t !== "hello") return hub.receive(from, message);
    if (from === this.#id) {
      hub.attach(from, (tab) => this.#events?.receive(tab));
      return;
    }
    hub.attach(from, (tab) => this.#send({ to: from, tab }));
    if (message.lock) whenGone(message.lock, () => hub.detach(from));
  }

  #send(letter: Letter): void {
    try {
      this.#channel.postMessage(letter);
    } catch {
      // The channel is closed: this tab is on its way out.
    }
  }
}
