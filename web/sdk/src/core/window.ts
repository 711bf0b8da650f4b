/**
 * A window over a room's messages: consecutive by `seq`, oldest first, never with a gap. Pages of history and
 * live events come from two ways and may overtake one another; each message remembers the revision it is known
 * at, and events that come while a page is under way are applied to it afterwards.
 */

import type { HistoryPage, Message, ServerEvent } from "../wire.js";
import { amended } from "./amended.js";

export type DurableEvent = Extract<
  ServerEvent,
  { type: "message" | "edited" | "deleted" | "reacted" }
>;

/** Events kept for pages that are under way. Beyond it the page is asked for again. */
const RECENT_MAX = 2_000;

export class MessageWindow {
  #messages: Message[] = [];
  /** The revision up to which a message is known, where that is later than its own. */
  #asOf = new Map<number, number>();
  #recent: DurableEvent[] = [];
  #loads = 0;
  hasOlder = false;
  atLatest = false;
  /** The newest `seq` of the room that was heard of. */
  head = 0;

  get messages(): readonly Message[] {
    return this.#messages;
  }

  get first(): number {
    return this.#messages[0]?.seq ?? 0;
  }

  get last(): number {
    return this.#messages.at(-1)?.seq ?? 0;
  }

  /** A page is asked for; call the returned function once it was taken, or failed. */
  loading(): () => void {
    this.#loads++;
    return () => {
      if (--this.#loads === 0) this.#recent = [];
    };
  }

  /** Whether events were lost to the bound while a page was under way. */
  get overran(): boolean {
    return this.#recent.length >= RECENT_MAX;
  }

  /** Takes an event. `gap`: the newest messages have to be fetched. */
  apply(event: DurableEvent): "changed" | "same" | "gap" {
    if (this.#loads > 0 && this.#recent.length < RECENT_MAX) this.#recent.push(event);
    return this.#apply(event);
  }

  /** The window is this page now. */
  replace(page: HistoryPage, atLatest: boolean, hasOlder?: boolean): void {
    this.#messages = [...page.messages];
    this.#asOf = new Map(page.messages.map(({ seq }) => [seq, page.rev]));
    this.head = page.seq;
    this.atLatest = atLatest;
    this.hasOlder = hasOlder ?? this.first > 1;
    this.#replay(page.rev);
  }

  prepend(page: HistoryPage): void {
    const older = page.messages.filter(({ seq }) => seq < this.first);
    if ((older.at(-1)?.seq ?? this.first - 1) !== this.first - 1) return;
    this.#messages = [...older, ...this.#messages];
    this.#know(page, older);
    this.hasOlder = page.has_more;
    this.#replay(page.rev);
  }

  append(page: HistoryPage): void {
    const newer = page.messages.filter(({ seq }) => seq > this.last);
    if (newer[0] && this.last > 0 && newer[0].seq !== this.last + 1) return;
    this.#messages = [...this.#messages, ...newer];
    this.#know(page, newer);
    this.head = Math.max(this.head, page.seq);
    if (!page.has_more) this.atLatest = true;
    this.#replay(page.rev);
  }

  /** Drops the messages farthest from the end that is looked at, beyond `max`. */
  trim(max: number, keep: "oldest" | "newest"): void {
    const over = this.#messages.length - max;
    if (over <= 0) return;
    if (keep === "oldest") {
      this.#forget(this.#messages.slice(max));
      this.#messages = this.#messages.slice(0, max);
      this.atLatest = false;
    } else {
      this.#forget(this.#messages.slice(0, over));
      this.#messages = this.#messages.slice(over);
      this.hasOlder = true;
    }
  }

  #apply(event: DurableEvent): "changed" | "same" | "gap" {
    const { seq, rev } = event;
    if (event.type === "message") {
      this.head = Math.max(this.head, seq);
      if (!this.atLatest || seq <= this.last) return "same";
      if (seq !== this.last + 1 && this.last > 0) {
        this.atLatest = false;
        return "gap";
      }
      const { type: _, ...message } = event;
      this.#messages = [...this.#messages, message];
      return "changed";
    }
    const index = seq - this.first;
    const message = this.#messages[index];
    if (!message || message.seq !== seq) return "same";
    if (rev <= Math.max(message.rev, this.#asOf.get(seq) ?? 0)) return "same";
    this.#messages = this.#messages.with(index, amended(message, event));
    return "changed";
  }

  #replay(rev: number): void {
    for (const event of this.#recent) if (event.rev > rev) this.#apply(event);
    // A message that was posted before the page was read, and whose event has come: the page has it.
    if (this.atLatest && this.head > this.last) this.atLatest = false;
  }

  #know(page: HistoryPage, messages: readonly Message[]): void {
    for (const { seq } of messages) this.#asOf.set(seq, page.rev);
  }

  #forget(messages: readonly Message[]): void {
    for (const { seq } of messages) this.#asOf.delete(seq);
  }
}
