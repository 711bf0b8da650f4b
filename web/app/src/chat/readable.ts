/** The client library's values as Vue's: snapshots are immutable, so a shallow reference is enough. */
import type { Readable } from "@hubbub/client";
import { onScopeDispose, shallowRef, type ShallowRef } from "vue";

export function useReadable<T>(source: Readable<T>): Readonly<ShallowRef<T>> {
  const value = shallowRef(source.get());
  onScopeDispose(source.subscribe((next) => (value.value = next)));
  return value;
}
