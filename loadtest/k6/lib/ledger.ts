// What one client sent and saw, and whether that is what it was promised: nothing lost, nothing twice,
// everything in the room's order and where its ack said.

import * as metrics from './metrics.ts';

/** A message on its way. */
export interface Outgoing {
  room: string;
  clientId: string;
  text: string;
  dueMs: number;
}

export class Ledger {
  /** Not acknowledged yet, in the order of sending. */
  readonly unacked = new Map<string, Outgoing>();
  private readonly tags: { door: string };
  /** The last place of each room that was seen. */
  private readonly places = new Map<string, number>();
  /** Own messages: their seq by the ack, or by what was seen, until both are known. */
  private readonly ackedSeq = new Map<string, number>();
  private readonly seenSeq = new Map<string, number>();

  constructor(door: string) {
    this.tags = { door };
  }

  /** Events of a room continue from this place. */
  begins(room: string, place: number): void {
    if (!this.places.has(room)) this.places.set(room, place);
  }

  /** What was held of a room is replaced by a page of it. */
  resets(room: string, place: number): void {
    this.places.set(room, place);
    metrics.resets.add(1, this.tags);
  }

  leaves(room: string): void {
    this.places.delete(room);
  }

  /** Whether events of the room are expected. */
  follows(room: string): boolean {
    return this.places.has(room);
  }

  place(room: string): number {
    return this.places.get(room) ?? 0;
  }

  known(): Record<string, number> {
    return Object.fromEntries(this.places);
  }

  sends(message: Outgoing): void {
    this.unacked.set(message.clientId, message);
    metrics.sent.add(1, this.tags);
  }

  acked(clientId: string, seq: number, atMs: number): void {
    const message = this.unacked.get(clientId);
    if (!message) return;
    this.unacked.delete(clientId);
    metrics.acked.add(1, this.tags);
    metrics.sendAckMs.add(atMs - message.dueMs, this.tags);
    const seen = this.seenSeq.get(clientId);
    if (seen === undefined) {
      this.ackedSeq.set(clientId, seq);
      return;
    }
    this.seenSeq.delete(clientId);
    if (seen !== seq) metrics.misplaced.add(1, this.tags);
  }

  refuses(clientId: string): void {
    if (this.unacked.delete(clientId)) metrics.refused.add(1, this.tags);
  }

  /** The next change of a room. */
  changes(room: string, place: number): void {
    const before = this.place(room);
    if (place <= before) {
      metrics.duplicated.add(1, this.tags);
      return;
    }
    if (place > before + 1) metrics.outOfOrder.add(1, this.tags);
    this.places.set(room, place);
  }

  /** A message that somebody of this run sent. */
  sees(clientId: string, seq: number, own: boolean, atMs: number): void {
    metrics.delivered.add(1, this.tags);
    const due = dueOf(clientId);
    if (due !== undefined) metrics.sendDeliverMs.add(atMs - due, this.tags);
    if (!own) return;
    const acked = this.ackedSeq.get(clientId);
    if (acked === undefined) {
      // The ack is still to come: events may overtake it.
      if (this.unacked.has(clientId)) this.seenSeq.set(clientId, seq);
      return;
    }
    this.ackedSeq.delete(clientId);
    if (acked !== seq) metrics.misplaced.add(1, this.tags);
  }

  /** At the end: what is missing of a room that has come as far as `head`. */
  judges(room: string, head: number): void {
    const missing = head - this.place(room);
    if (missing > 0) metrics.lost.add(missing, this.tags);
  }

  /** At the very end. */
  closes(reconnects: number): void {
    if (this.unacked.size > 0) metrics.unacked.add(this.unacked.size, this.tags);
    if (this.ackedSeq.size > 0) metrics.lost.add(this.ackedSeq.size, this.tags);
    metrics.reconnectsPerClient.add(reconnects, this.tags);
    metrics.judged.add(1, this.tags);
  }
}

/** An id for a message that tells when it was due. At most 64 bytes. */
export function clientIdOf(sender: number, number: number, dueMs: number): string {
  return `k6.${sender.toString(36)}.${number.toString(36)}.${Math.round(dueMs).toString(36)}`;
}

function dueOf(clientId: string): number | undefined {
  const parts = clientId.split('.');
  return parts.length === 4 && parts[0] === 'k6' ? parseInt(parts[3] ?? '', 36) : undefined;
}
