/**
 * The rows of a conversation, and the pages they are drawn in. A row says all that its place adds to its message:
 * day, "new messages" line, whether it begins or ends a group. Pages are keyed by `seq / 30`, so that messages before
 * or after never move one from page to page; a page whose rows did not change is the same object, and is not rendered
 * again.
 */
import type { PendingMessage, TimelineMessage } from "@hubbub/client";
import { dayOf } from "../i18n/dates";

export const PAGE = 30;
/** Messages of one person within this time stand together. */
const GROUP_MS = 5 * 60_000;

export interface Row {
  readonly key: string;
  readonly message?: TimelineMessage;
  readonly pending?: PendingMessage;
  /** The day that begins with this row. */
  readonly day: Date | undefined;
  /** The "new messages" line stands above. */
  readonly firstNew: boolean;
  /** Begins, and ends, what one person says at once. */
  readonly head: boolean;
  readonly tail: boolean;
}

export interface Page {
  readonly key: string;
  readonly rows: readonly Row[];
}

export interface Timeline {
  readonly messages: readonly TimelineMessage[];
  readonly pending: readonly PendingMessage[];
  /** The "new messages" line stands after it; none when undefined. */
  readonly newAfter: number | undefined;
  readonly me: string;
}

interface Entry {
  readonly key: string;
  readonly page: string;
  readonly sender: string;
  readonly at: Date;
  readonly alone: boolean;
  readonly message?: TimelineMessage;
  readonly pending?: PendingMessage;
}

function entries({ messages, pending, me }: Timeline): Entry[] {
  const stored = messages.map((message): Entry => {
    const { key, seq, sender, created_at, system } = message;
    return {
      key,
      page: String(Math.floor(seq / PAGE)),
      sender,
      at: new Date(created_at),
      alone: system !== undefined,
      message,
    };
  });
  const last = stored.at(-1)?.at ?? new Date(0);
  // A clock that is behind must not put what is written now before what was said.
  const waiting = pending.map((message): Entry => {
    const at = new Date(Math.max(last.getTime(), Date.parse(message.created_at) || 0));
    return { key: message.key, page: "pending", sender: me, at, alone: false, pending: message };
  });
  return [...stored, ...waiting];
}

function together(before: Entry | undefined, entry: Entry | undefined): boolean {
  if (!before || !entry || before.alone || entry.alone || before.sender !== entry.sender) return false;
  return entry.at.getTime() - before.at.getTime() < GROUP_MS && dayOf(before.at) === dayOf(entry.at);
}

function isSame(one: Row, other: Row): boolean {
  return (
    one.key === other.key &&
    one.message === other.message &&
    one.pending === other.pending &&
    one.day?.getTime() === other.day?.getTime() &&
    one.firstNew === other.firstNew &&
    one.head === other.head &&
    one.tail === other.tail
  );
}

/** Makes pages, and takes over from `before` whatever is the same. */
export function paginate(before: readonly Page[], timeline: Timeline): readonly Page[] {
  const all = entries(timeline);
  const { newAfter, me } = timeline;
  const pages = new Map<string, Row[]>();
  let isNewDrawn = newAfter === undefined;
  all.forEach((entry, index) => {
    const previous = all[index - 1];
    const isNew = !isNewDrawn && (entry.message?.seq ?? 0) > (newAfter ?? 0) && entry.sender !== me;
    if (isNew) isNewDrawn = true;
    const day =
      !previous || dayOf(previous.at) !== dayOf(entry.at) ? new Date(entry.at.toDateString()) : undefined;
    const row: Row = {
      key: entry.key,
      ...(entry.message ? { message: entry.message } : {}),
      ...(entry.pending ? { pending: entry.pending } : {}),
      day,
      firstNew: isNew,
      head: isNew || !together(previous, entry),
      tail: !together(entry, all[index + 1]),
    };
    const rows = pages.get(entry.page);
    if (rows) rows.push(row);
    else pages.set(entry.page, [row]);
  });
  const known = new Map(before.map((page) => [page.key, page]));
  return [...pages].map(([key, rows]) => {
    const old = known.get(key);
    const kept = new Map(old?.rows.map((row) => [row.key, row]));
    const merged = rows.map((row) => {
      const same = kept.get(row.key);
      return same && isSame(same, row) ? same : row;
    });
    const isUnchanged = old?.rows.length === merged.length && merged.every((row, at) => row === old.rows[at]);
    return isUnchanged && old ? old : { key, rows: merged };
  });
}
