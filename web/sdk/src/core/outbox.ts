/**
 * The send queue: a message stays until the server has stored it or refused it for good. One message of a
 * room is under way at a time, so that a room's messages keep their order whatever is refused for speed;
 * rooms do not wait for each other. A message is sent again with the same `client_id`, which the server takes
 * for the same message, so resending never duplicates.
 */

import type { ErrorShape } from "../errors.js";
import type { Answer } from "../wire.js";
import { outboxKey } from "./key.js";
import type { Context, OutboxEntry, OutboxView } from "./types.js";

/** Rooms with a message under way. */
const IN_FLIGHT_MAX = 16;
/** An answer that takes longer is not waited for: the message is sent again. */
const ANSWER_TIMEOUT = 20_000;

interface Waiting {
  entry: OutboxEntry;
  status: "queued" | "sending" | "failed";
  notBefore: number;
  tries: number;
}

export class Outbox {
  readonly #ctx: Context;
  readonly #waiting = new Map<string, Waiting>();
  /** Rooms with a message under way. */
  readonly #busy = new Set<string>();
  #live = false;

  constructor(ctx: Context) {
    this.#ctx = ctx;
  }

  views(): OutboxView[] {
    return [...this.#waiting.values()].map((waiting) => this.#view(waiting));
  }

  add(entry: OutboxEntry): void {
    if (this.#waiting.has(entry.client_id)) return;
    const status = entry.error ? "failed" : "queued";
    const waiting: Waiting = { entry, status, notBefore: 0, tries: 0 };
    const last = [...this.#waiting.values()].at(-1);
    this.#waiting.set(entry.client_id, waiting);
    if (last && last.entry.order > entry.order) this.#sort();
    this.#tell(waiting);
    this.pump();
  }

  retry(client_id: string): void {
    const waiting = this.#waiting.get(client_id);
    if (!waiting || waiting.status === "sending") return;
    const { error: _, ...entry } = waiting.entry;
    Object.assign(waiting, { entry, status: "queued", notBefore: 0, tries: 0 });
    this.#keep(waiting);
    this.#tell(waiting);
    this.pump();
  }

  discard(client_id: string): void {
    const waiting = this.#waiting.get(client_id);
    if (!waiting) return;
    this.#forget(waiting);
    this.#ctx.emit({ type: "discarded", client_id, room: waiting.entry.room });
    this.pump();
  }

  turned(live: boolean): void {
    this.#live = live;
    if (live) for (const waiting of this.#waiting.values()) waiting.notBefore = waiting.tries = 0;
    this.pump();
  }

  deadline(): number | undefined {
    if (!this.#live) return undefined;
    let at = Infinity;
    for (const { status, notBefore } of this.#waiting.values()) {
      if (status === "queued" && notBefore > this.#ctx.now) at = Math.min(at, notBefore);
    }
    return at === Infinity ? undefined : at;
  }

  /** Sends the first message of every room that has none under way. */
  pump(): void {
    if (!this.#live) return;
    const behind = new Set(this.#busy);
    for (const waiting of this.#waiting.values()) {
      const { room } = waiting.entry;
      if (waiting.status === "failed" || behind.has(room)) continue;
      behind.add(room);
      if (waiting.status !== "queued" || waiting.notBefore > this.#ctx.now) continue;
      if (this.#busy.size >= IN_FLIGHT_MAX) return;
      this.#send(waiting);
    }
  }

  #send(waiting: Waiting): void {
    const { room, client_id, body } = waiting.entry;
    this.#busy.add(room);
    waiting.status = "sending";
    this.#tell(waiting);
    this.#ctx.request(
      "send",
      { room, client_id, body },
      (ok, error) => {
        this.#busy.delete(room);
        if (this.#waiting.get(client_id) === waiting) {
          if (error) this.#refused(waiting, error);
          else this.#stored(waiting, ok as Answer<"send">);
        }
        this.pump();
      },
      { once: true, timeout: ANSWER_TIMEOUT },
    );
  }

  #stored(waiting: Waiting, answer: Answer<"send">): void {
    const { room, client_id } = waiting.entry;
    this.#forget(waiting);
    this.#ctx.emit({ type: "sent", client_id, room, ...answer });
  }

  #refused(waiting: Waiting, error: ErrorShape): void {
    if (error.code === "closed" || error.retryable) {
      const { now, config } = this.#ctx;
      const backoff = Math.min(10_000, 250 * 2 ** waiting.tries++) * config.random();
      waiting.status = "queued";
      waiting.notBefore = this.#live ? now + (error.retry_after_ms ?? backoff) : 0;
    } else {
      waiting.status = "failed";
      waiting.entry = { ...waiting.entry, error };
      this.#keep(waiting);
    }
    this.#tell(waiting);
  }

  #sort(): void {
    const sorted = [...this.#waiting.values()].sort((a, b) => a.entry.order - b.entry.order);
    this.#waiting.clear();
    for (const waiting of sorted) this.#waiting.set(waiting.entry.client_id, waiting);
  }

  #forget({ entry }: Waiting): void {
    this.#waiting.delete(entry.client_id);
    this.#ctx.effect({ type: "store", table: "outbox", key: outboxKey(entry) });
  }

  #keep({ entry }: Waiting): void {
    this.#ctx.effect({ type: "store", table: "outbox", key: outboxKey(entry), value: entry });
  }

  #view({ entry, status, notBefore }: Waiting): OutboxView {
    const retryIn = notBefore - this.#ctx.now;
    return retryIn > 0 ? { ...entry, status, retryIn } : { ...entry, status };
  }

  #tell(waiting: Waiting): void {
    this.#ctx.emit({ type: "outbox", entry: this.#view(waiting) });
  }
}
