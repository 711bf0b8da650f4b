/**
 * A tab's way to the hub, wherever it lives. The way may break (the worker is killed, the leading tab is
 * closed): the link finds the next hub, and says again what that one has to know. Calls that were not
 * answered are asked again, messages that were not stored are handed over again under the same `client_id`.
 */

import { HubbubError } from "./errors.js";
import type { HubConfig, Item, Snapshot, ToHub, ToTab } from "./messages.js";
import type { OutboxEntry } from "./core/types.js";

/** One way to a hub. `receive` is called for what comes; `lost` once, when the hub is dead. */
export interface Transport {
  readonly kind: "worker" | "leader" | "alone";
  /** The lock that this tab holds for as long as it lives. */
  readonly lock?: string;
  post(message: ToHub): void;
  close(): void;
}

export interface TransportEvents {
  receive(message: ToTab): void;
  /** The hub is another one now, or there is one at last: say hello. */
  renewed(): void;
  /** This way does not work; the next kind is tried. */
  failed(): void;
}

export type TransportFactory = (events: TransportEvents) => Transport | undefined;

export interface LinkEvents {
  snapshot(snapshot: Snapshot, kind: Transport["kind"]): void;
  event(item: Extract<Item, { event: unknown }>["event"]): void;
  other(message: Exclude<ToTab, { t: "snapshot" | "batch" }>): void;
}

/** What is said to every hub anew. */
const RESAID: ReadonlySet<ToHub["t"]> = new Set(["tab", "watch", "send", "call", "more"]);

interface Call {
  readonly message: ToHub & { id: number };
  resolve(answer: unknown): void;
  reject(error: HubbubError): void;
}

export class Link {
  readonly #config: HubConfig;
  readonly #factories: TransportFactory[];
  readonly #events: LinkEvents;
  readonly #calls = new Map<number, Call>();
  /** Handed over, and neither stored nor discarded. */
  readonly #sends = new Map<string, OutboxEntry>();
  #transport: Transport | undefined;
  #next = 1;
  #attached = false;
  #closed = false;
  #tab: ToHub = { t: "tab", visible: true };
  #watch: ToHub | undefined;
  /** Said while there was no hub. */
  #unsaid: ToHub[] = [];

  constructor(config: HubConfig, factories: readonly TransportFactory[], events: LinkEvents) {
    this.#config = config;
    this.#factories = [...factories];
    this.#events = events;
  }

  /** Takes the first way that works. */
  open(): void {
    this.#attached = false;
    this.#transport?.close();
    this.#transport = undefined;
    for (let factory = this.#factories[0]; factory; factory = this.#factories[0]) {
      let current = true;
      const guard = <A extends unknown[]>(work: (...args: A) => void) => {
        return (...args: A) => {
          if (current && !this.#closed) work(...args);
        };
      };
      const transport = factory({
        receive: guard((message: ToTab) => this.#receive(message)),
        renewed: guard(() => this.#hello()),
        failed: guard(() => {
          current = false;
          this.#factories.shift();
          this.open();
        }),
      });
      if (transport) {
        this.#transport = transport;
        this.#hello();
        return;
      }
      current = false;
      this.#factories.shift();
    }
  }

  call(name: string, fields: object): Promise<unknown> {
    return this.#ask({ t: "call", id: this.#next++, name, fields });
  }

  more(): Promise<unknown> {
    return this.#ask({ t: "more", id: this.#next++ });
  }

  send(entry: OutboxEntry): void {
    this.#sends.set(entry.client_id, entry);
    this.post({ t: "send", entry });
  }

  /** The hub has it no longer to send. */
  settled(client_id: string): void {
    this.#sends.delete(client_id);
  }

  post(message: ToHub): void {
    if (this.#closed) return;
    if (message.t === "tab") this.#tab = message;
    if (message.t === "watch") this.#watch = message;
    if (this.#attached || message.t === "bye") this.#transport?.post(message);
    else if (!RESAID.has(message.t)) this.#unsaid.push(message);
  }

  /** The page comes back from where it was frozen: the hub has taken it for gone. */
  again(): void {
    this.#hello();
  }

  close(): void {
    if (this.#closed) return;
    this.post({ t: "bye" });
    this.#closed = true;
    this.#transport?.close();
    const error = new HubbubError({
      code: "closed",
      message: "the client is closed",
      retryable: false,
    });
    for (const call of this.#calls.values()) call.reject(error);
    this.#calls.clear();
  }

  #ask(message: ToHub & { id: number }): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(
          new HubbubError({ code: "closed", message: "the client is closed", retryable: false }),
        );
        return;
      }
      this.#calls.set(message.id, { message, resolve, reject });
      this.post(message);
    });
  }

  #hello(): void {
    this.#attached = false;
    this.#transport?.post({ t: "hello", config: this.#config, lock: this.#transport.lock });
  }

  #receive(message: ToTab): void {
    if (message.t === "snapshot") {
      this.#attached = true;
      this.#events.snapshot(message.snapshot, this.#transport?.kind ?? "alone");
      this.post(this.#tab);
      if (this.#watch) this.post(this.#watch);
      for (const entry of this.#sends.values()) this.post({ t: "send", entry });
      for (const { message: asked } of this.#calls.values()) this.post(asked);
      for (const unsaid of this.#unsaid.splice(0)) this.post(unsaid);
    } else if (message.t === "batch") {
      for (const item of message.items) this.#item(item);
    } else this.#events.other(message);
  }

  #item(item: Item): void {
    if ("event" in item) {
      this.#events.event(item.event);
      return;
    }
    const call = this.#calls.get(item.id);
    this.#calls.delete(item.id);
    if (item.error) call?.reject(new HubbubError(item.error));
    else call?.resolve(item.ok);
  }
}
