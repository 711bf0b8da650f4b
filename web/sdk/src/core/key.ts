import type { OutboxEntry } from "./types.js";

/** The key in the store: rows come back in the order they were written. */
export function outboxKey({ order, client_id }: OutboxEntry): string {
  return `${String(order).padStart(16, "0")}:${client_id}`;
}
