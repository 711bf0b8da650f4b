/** The time, for what is shown of it: one clock for the whole page, read once in half a minute, or each second. */
import { onScopeDispose, ref, type Ref } from "vue";

export const now: Readonly<Ref<Date>> = ref(new Date());
setInterval(() => ((now as Ref<Date>).value = new Date()), 30_000);

/** The time in milliseconds, each second while the component lives. For countdowns. */
export function useSeconds(): Readonly<Ref<number>> {
  const seconds = ref(Date.now());
  const timer = setInterval(() => (seconds.value = Date.now()), 500);
  onScopeDispose(() => clearInterval(timer));
  return seconds;
}
