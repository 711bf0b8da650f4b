// Waiting within k6's event loop.

import { setTimeout } from 'k6/timers';

export function sleepMs(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(), Math.max(0, ms));
  });
}

/** Until it is so, or `untilMs` on the clock. Whether it was. */
export async function eventually(untilMs: number, holds: () => boolean): Promise<boolean> {
  while (!holds()) {
    if (Date.now() >= untilMs) return false;
    await sleepMs(50);
  }
  return true;
}

/** A growing pause with chance in it, for what failed several times in a row. */
export function pauseMs(failures: number): number {
  const longest = Math.min(10_000, 250 * 2 ** Math.min(failures, 6));
  return longest * (0.5 + Math.random() / 2);
}
