// k6/timers. Timers that have not fired keep an iteration going, as in k6.

const pending = new Set<number>();
let last = 0;
const handles = new Map<number, NodeJS.Timeout>();

export function setTimeout(callback: () => void, ms = 0): number {
  const id = ++last;
  pending.add(id);
  handles.set(
    id,
    globalThis.setTimeout(() => {
      clearTimeout(id);
      callback();
    }, ms),
  );
  return id;
}

export function clearTimeout(id: number): void {
  globalThis.clearTimeout(handles.get(id));
  handles.delete(id);
  pending.delete(id);
}

/** For the VU's thread: how many timers have not fired yet. */
export function pendingTimers(): number {
  return pending.size;
}
