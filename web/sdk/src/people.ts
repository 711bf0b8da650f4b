/** Cards of people: looked up together, kept for the page, and stored for the next one. */

import type { Contacts, Off, People, Presences, Store } from "./api.js";
import { Value } from "./readable.js";
import type { Answer, CommandName, Fields, Myself, Person, Presence, UserId } from "./wire.js";

export type Ask = <K extends CommandName>(name: K, fields: Fields<K>) => Promise<Answer<K>>;

const LOOKUP_MAX = 200;
const STORED_MAX = 2_000;

export class PeopleCards implements People {
  readonly #ask: Ask;
  readonly #store: Store;
  readonly cards = new Value<ReadonlyMap<UserId, Person>>(new Map());
  /** Looked up from the server by this page. */
  readonly #asked = new Map<UserId, Promise<void>>();
  #wanted = new Set<UserId>();
  #batch: Promise<void> | undefined;

  constructor(ask: Ask, store: Store) {
    this.#ask = ask;
    this.#store = store;
    store
      .list("people")
      .then((rows) => {
        const cards = new Map(
          rows.slice(0, STORED_MAX).map(([user, card]) => [user, card as Person]),
        );
        this.cards.set(new Map([...cards, ...this.cards.get()]));
      })
      .catch(() => {});
  }

  get(user: UserId): Person | undefined {
    if (!this.#asked.has(user)) this.load([user]).catch(() => {});
    return this.cards.get().get(user);
  }

  async load(users: readonly UserId[]): Promise<void> {
    const batches = new Set<Promise<void>>();
    for (const user of users) {
      let asked = this.#asked.get(user);
      if (!asked) {
        this.#wanted.add(user);
        this.#batch ??= Promise.resolve().then(() => this.#lookUp());
        asked = this.#batch;
        this.#asked.set(user, asked);
        if (this.#wanted.size >= LOOKUP_MAX) this.#batch = undefined;
      }
      batches.add(asked);
    }
    await Promise.all(batches);
  }

  async me(): Promise<Myself> {
    const me = await this.#ask("me", {});
    this.#learn([me]);
    return me;
  }

  async updateMe(change: Fields<"update_me">): Promise<Myself> {
    const me = await this.#ask("update_me", change);
    this.#learn([me]);
    return me;
  }

  async search(
    prefix: string,
    page: Omit<Fields<"users">, "prefix"> = {},
  ): Promise<Answer<"users">> {
    const found = await this.#ask("users", { prefix, ...page });
    this.#learn(found.users);
    return found;
  }

  async #lookUp(): Promise<void> {
    const users = [...this.#wanted].slice(0, LOOKUP_MAX);
    for (const user of users) this.#wanted.delete(user);
    this.#batch = undefined;
    if (users.length === 0) return;
    try {
      this.#learn((await this.#ask("profiles", { users })).users);
    } catch (error) {
      for (const user of users) this.#asked.delete(user);
      throw error;
    }
  }

  #learn(people: readonly Person[]): void {
    const cards = new Map(this.cards.get());
    for (const person of people) {
      cards.set(person.user, person);
      this.#store.put("people", person.user, person).catch(() => {});
    }
    this.cards.set(cards);
  }
}

export function contacts(ask: Ask): Contacts {
  return {
    list: (query = {}) => ask("contacts", query),
    request: async (user) => (await ask("request_contact", { user })).state,
    accept: async (user) => void (await ask("accept_contact", { user })),
    decline: async (user, options = {}) =>
      void (await ask("decline_contact", { user, ...options })),
    remove: async (user) => void (await ask("remove_contact", { user })),
    blocks: (page = {}) => ask("blocks", page),
    block: async (user) => void (await ask("block", { user })),
    unblock: async (user) => void (await ask("unblock", { user })),
  };
}

/** Who is watched, by whatever parts of the page. */
export class Watching implements Presences {
  readonly #say: (users: readonly UserId[]) => void;
  readonly states = new Value<ReadonlyMap<UserId, Presence>>(new Map());
  readonly #watches = new Set<readonly UserId[]>();

  constructor(say: (users: readonly UserId[]) => void) {
    this.#say = say;
  }

  watch(users: readonly UserId[]): Off {
    const own = [...users];
    this.#watches.add(own);
    this.#changed();
    return () => {
      if (this.#watches.delete(own)) this.#changed();
    };
  }

  told(presences: readonly Presence[]): void {
    const states = new Map(this.states.get());
    for (const presence of presences) states.set(presence.user, presence);
    this.states.set(states);
  }

  #changed(): void {
    const users = new Set([...this.#watches].flat());
    const states = [...this.states.get()].filter(([user]) => users.has(user));
    this.states.set(new Map(states));
    this.#say([...users]);
  }
}
