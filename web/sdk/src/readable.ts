import type { Off, Readable } from "./api.js";

/** A `Readable` that its owner sets. Listeners are called once per microtask, with the newest value. */
export class Value<T> implements Readable<T> {
  #value: T;
  #due = false;
  readonly #listeners = new Set<(value: T) => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get(): T {
    return this.#value;
  }

  set(value: T): void {
    if (value === this.#value) return;
    this.#value = value;
    if (this.#due || this.#listeners.size === 0) return;
    this.#due = true;
    queueMicrotask(() => {
      this.#due = false;
      for (const listener of [...this.#listeners]) call(listener, this.#value);
    });
  }

  subscribe(listener: (value: T) => void): Off {
    // A function of its own, so that the same listener may subscribe twice.
    const own = (value: T) => listener(value);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }
}

/** Listeners by event name. */
export class Emitter<Events> {
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>();

  on<K extends keyof Events>(name: K, listener: (event: Events[K]) => void): Off {
    const set = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, set);
    const own = (event: Events[K]) => listener(event);
    set.add(own as (event: never) => void);
    return () => void set.delete(own as (event: never) => void);
  }

  emit<K extends keyof Events>(name: K, event: Events[K]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      call(listener as (event: Events[K]) => void, event);
    }
  }
}

/** A listener that throws is the caller's defect: it is reported as uncaught, and harms nobody else. */
function call<T>(listener: (value: T) => void, value: T): void {
  try {
    listener(value);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
