// k6: `check`.

import { add, count } from '../registry.ts';

/** Every check is counted by its name and in the rate `checks`; whether all held. */
export function check<T>(value: T, sets: Record<string, ((value: T) => boolean) | boolean>): boolean {
  let all = true;
  for (const [name, test] of Object.entries(sets)) {
    const holds = Boolean(typeof test === 'function' ? test(value) : test);
    count(name, holds);
    add('checks', Number(holds));
    all &&= holds;
  }
  return all;
}
