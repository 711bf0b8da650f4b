/** The tab's side of the send queue: keeps a message in the store before it leaves, and shows what waits. */

import type { Outbox, PendingMessage, Sending, Store, StorageTrouble } from "./api.js";
import { outboxKey } from "./core/key.js";
import type { OutboxEntry, OutboxView } from "./core/types.js";
import { HubbubError } from "./errors.js";
import type { Link } from "./link.js";
import { Value } from "./readable.js";
import { trouble } from "./store.js";
import type { Answer, Body } from "./wire.js";

/** A store that takes longer is not waited for. */
const STORE_TIMEOUT = 3_000;

interface Promised {
  resolve(answer: Answer<"send">): void;
  reject(error: HubbubError): void;
}

export interface OutboxEvents {
  storage(trouble: StorageTrouble): void;
  /** Entries of this room changed. */
  changed(room: string): void;
}

export class SendQueue implements Outbox {
  readonly pending = new Value<readonly PendingMessage[]>([]);
  readonly #store: Store;
  readonly #link: Link;
  readonly #events: OutboxEvents;
  readonly #rows = new Map<string, { entry: OutboxEntry; shown: PendingMessage }>();
  readonly #promises = new Map<string, Promised>();
  #order = 0;

  constructor(store: Store, link: Link, events: OutboxEvents) {
    this.#store = store;
    this.#link = link;
    this.#events = events;
  }

  send(room: string, said: Body | string): Sending {
    const body = typeof said === "string" ? { text: said } : said;
    const client_id = newClientId();
    // Later than all that was written before, whatever the clock says.
    const order = Math.max(Date.now(), this.#order + 1);
    const created_at = new Date().toISOString();
    const entry = { client_id, room, body, created_at, order, durable: true };
    this.told({ ...entry, status: "queued" });
    const stored = new Promise<Answer<"send">>((resolve, reject) => {
      this.#promises.set(client_id, { resolve, reject });
    });
    // Whoever does not look at it sees the failure in `pending`.
    stored.catch(() => {});
    return { client_id, kept: this.#keep(entry), stored };
  }

  retry(client_id: string): void {
    this.#link.post({ t: "retry", client_id });
  }

  discard(client_id: string): void {
    this.#link.post({ t: "discard", client_id });
  }

  /** What waits in one room. */
  of(room: string): PendingMessage[] {
    return this.pending.get().filter((pending) => pending.room === room);
  }

  snapshot(views: readonly OutboxView[]): void {
    for (const view of views) this.told(view);
  }

  told(view: OutboxView): void {
    const { status, retryIn, error, ...entry } = view;
    this.#order = Math.max(this.#order, entry.order);
    const { client_id, room, body, created_at, durable } = entry;
    const shown: PendingMessage = {
      key: `~${client_id}`,
      ...{ room, client_id, body, created_at, durable, status },
      ...(error ? { error: new HubbubError(error) } : {}),
      ...(retryIn === undefined ? {} : { retryAt: Date.now() + retryIn }),
    };
    this.#rows.set(client_id, { entry, shown });
    if (status === "failed") {
      this.#link.settled(client_id);
      this.#promises.get(client_id)?.reject(shown.error as HubbubError);
      this.#promises.delete(client_id);
    }
    this.#show(room);
  }

  sent(client_id: string, answer: Answer<"send">): PendingMessage | undefined {
    this.#promises.get(client_id)?.resolve(answer);
    return this.#remove(client_id);
  }

  discarded(client_id: string): void {
    const message = "the message was discarded";
    const error = new HubbubError({ code: "cancelled", message, retryable: false });
    this.#promises.get(client_id)?.reject(error);
    this.#remove(client_id);
  }

  shown(client_id: string): PendingMessage | undefined {
    return this.#rows.get(client_id)?.shown;
  }

  #remove(client_id: string): PendingMessage | undefined {
    const row = this.#rows.get(client_id);
    this.#promises.delete(client_id);
    this.#link.settled(client_id);
    this.#rows.delete(client_id);
    if (row) this.#show(row.entry.room);
    return row?.shown;
  }

  async #keep(entry: OutboxEntry): Promise<void> {
    let durable = false;
    try {
      const late = new Promise<never>((_, reject) => {
        setTimeout(() => reject(new Error("the store does not answer")), STORE_TIMEOUT);
      });
      await Promise.race([this.#store.put("outbox", outboxKey(entry), entry), late]);
      durable = true;
    } catch (error) {
      this.#events.storage(trouble(error));
    }
    this.#link.send({ ...entry, durable });
  }

  #show(room: string): void {
    const rows = [...this.#rows.values()].sort((a, b) => a.entry.order - b.entry.order);
    this.pending.set(rows.map(({ shown }) => shown));
    this.#events.changed(room);
  }
}

/** `crypto.randomUUID` exists in secure contexts only. */
function newClientId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
