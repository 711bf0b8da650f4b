import type { PendingMessage, TimelineMessage } from "@hubbub/client";
import { describe, expect, it } from "vitest";
import { paginate, type Page, type Row } from "../../src/talk/rows";

const start = new Date(2026, 10, 30, 12).getTime();
function message(seq: number, more: Partial<TimelineMessage> = {}): TimelineMessage {
  return {
    room: "r",
    seq,
    rev: seq,
    message_id: String(seq),
    sender: "ann",
    client_id: `c${seq}`,
    created_at: new Date(start + seq * 1000).toISOString(),
    body: { text: `m${seq}` },
    key: `ann:c${seq}`,
    mine: false,
    status: "sent",
    ...more,
  };
}
const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, at) => message(from + at));
const make = (
  messages: readonly TimelineMessage[],
  before: readonly Page[] = [],
  newAfter?: number,
  pending: readonly PendingMessage[] = [],
) => paginate(before, { messages, pending, newAfter, me: "me" });
const rows = (pages: readonly Page[]): readonly Row[] => pages.flatMap((page) => page.rows);

describe("pages", () => {
  it("keep their rows when older and newer messages come", () => {
    const [older, middle] = [range(1, 29), range(30, 59)];
    const first = make(middle);
    const second = make([...older, ...middle], first);
    const third = make([...older, ...middle, message(60)], second);
    expect(second.map(({ key }) => key)).toEqual(["0", "1"]);
    // What came before begins no day any more; the other rows of that page are the same objects.
    expect(second[1]?.rows.slice(1)).toEqual(first[0]?.rows.slice(1));
    expect(second[1]?.rows.every((row, at) => at === 0 || row === first[0]?.rows[at])).toBe(true);
    // The one more message ends the group of the last: that row is another, and its page.
    expect(third.map((page, at) => page === second[at])).toEqual([true, false, false]);
  });

  it("are the same object when nothing in them changed", () => {
    const messages = range(1, 90);
    const first = make(messages);
    const second = make(messages, first);
    second.forEach((page, at) => expect(page).toBe(first[at]));
    const edited = messages.map((one) => (one.seq === 45 ? { ...one, rev: 99 } : one));
    const third = make(edited, second);
    expect(third.filter((page, at) => page !== second[at]).map(({ key }) => key)).toEqual(["1"]);
  });
});

describe("rows", () => {
  it("stand together when one person says them within five minutes", () => {
    const later = message(3, { created_at: new Date(start + 10 * 60_000).toISOString() });
    const all = rows(make([message(1), message(2), later, message(4, { sender: "bob" })]));
    expect(all.map(({ head }) => head)).toEqual([true, false, true, true]);
    expect(all.map(({ tail }) => tail)).toEqual([false, true, true, true]);
  });

  it("begin a day", () => {
    const tomorrow = message(2, { created_at: new Date(start + 24 * 3600_000).toISOString() });
    const all = rows(make([message(1), tomorrow]));
    expect(all.map(({ day }) => day !== undefined)).toEqual([true, true]);
    expect(all[1]?.head).toBe(true);
  });

  it("carry the line once, above the first new message of somebody else", () => {
    const own = message(3, { sender: "me", mine: true });
    const all = rows(make([message(1), message(2), own, message(4), message(5)], [], 2));
    expect(all.map(({ firstNew }) => firstNew)).toEqual([false, false, false, true, false]);
    expect(rows(make([message(1)], [], undefined))[0]?.firstNew).toBe(false);
  });

  it("keep their key when a pending message is stored", () => {
    const pending: PendingMessage = {
      key: "me:c9",
      room: "r",
      client_id: "c9",
      body: { text: "hi" },
      created_at: new Date(0).toISOString(),
      status: "sending",
      durable: true,
    };
    const before = rows(make([message(8)], [], undefined, [pending]));
    const after = rows(make([message(8), message(9, { sender: "me", mine: true, key: "me:c9" })]));
    expect(before.at(-1)?.key).toBe(after.at(-1)?.key);
    // A clock that is wrong by years puts no other day between.
    expect(before.at(-1)?.day).toBeUndefined();
  });
});
