/**
 * `@hubbub/vue`: composables for `@hubbub/client`. Every value is a `shallowRef` of an immutable
 * snapshot: nothing is made deeply reactive, however long a list is. What a composable opens it closes
 * with its scope.
 *
 * @packageDocumentation
 */

import type {
  Chat,
  ChatList,
  Client,
  ConnectionState,
  PendingMessage,
  Person,
  Presence,
  Readable,
  Timeline,
  TimelineOptions,
  TimelineSnapshot,
} from "@hubbub/client";
import {
  computed,
  hasInjectionContext,
  inject,
  onScopeDispose,
  readonly,
  shallowReadonly,
  shallowRef,
  toValue,
  watch,
  type App,
  type ComputedRef,
  type InjectionKey,
  type MaybeRefOrGetter,
  type ShallowRef,
} from "vue";

const CLIENT: InjectionKey<Client> = Symbol("hubbub client");

/** Gives all components of an app the client: `app.use(hubbub(client))`. */
export function hubbub(client: Client): { install(app: App): void } {
  return { install: (app) => void app.provide(CLIENT, client) };
}

/** The client that `hubbub` provides. */
export function useClient(): Client {
  const client = hasInjectionContext() ? inject(CLIENT, undefined) : undefined;
  if (!client) throw new Error("there is no client here: app.use(hubbub(client))");
  return client;
}

/** Any `Readable` of the client as a ref. */
export function useReadable<T>(readable: Readable<T>): Readonly<ShallowRef<T>> {
  const value = shallowRef(readable.get());
  onScopeDispose(readable.subscribe((next) => (value.value = next)));
  return shallowReadonly(value) as Readonly<ShallowRef<T>>;
}

/** The connection's state. */
export function useConnection(client = useClient()): Readonly<ShallowRef<ConnectionState>> {
  return useReadable(client.state);
}

/** The chat list. */
export function useRooms(client = useClient()): Readonly<ShallowRef<ChatList>> {
  return useReadable(client.rooms.list);
}

/** One row of the chat list, while there is one. */
export function useChat(
  room: MaybeRefOrGetter<string | undefined>,
  client = useClient(),
): ComputedRef<Chat | undefined> {
  const list = useRooms(client);
  return computed(() => {
    const wanted = toValue(room);
    return list.value.chats.find((chat) => chat.room === wanted);
  });
}

/** What waits to be sent, in all rooms. */
export function useOutbox(client = useClient()): Readonly<ShallowRef<readonly PendingMessage[]>> {
  return useReadable(client.outbox.pending);
}

/** What `useTimeline` gives. */
export interface UsedTimeline {
  readonly snapshot: Readonly<ShallowRef<TimelineSnapshot | undefined>>;
  /** To load, jump, send, edit; another one after each change of the room. */
  readonly timeline: Readonly<ShallowRef<Timeline | undefined>>;
}

/** The window over a room; follows the room that is given, and is closed with the scope. */
export function useTimeline(
  room: MaybeRefOrGetter<string | undefined>,
  options: TimelineOptions = {},
  client = useClient(),
): UsedTimeline {
  const timeline = shallowRef<Timeline>();
  const snapshot = shallowRef<TimelineSnapshot>();
  watch(
    () => toValue(room),
    (wanted, _, onCleanup) => {
      if (wanted === undefined) {
        timeline.value = snapshot.value = undefined;
        return;
      }
      const opened = client.timeline(wanted, options);
      timeline.value = opened;
      snapshot.value = opened.snapshot.get();
      const off = opened.snapshot.subscribe((next) => (snapshot.value = next));
      onCleanup(() => {
        off();
        opened.close();
      });
    },
    { immediate: true, flush: "sync" },
  );
  return { snapshot: shallowReadonly(snapshot), timeline: shallowReadonly(timeline) };
}

/** Somebody's card; it is fetched when it is not there yet. */
export function usePerson(
  user: MaybeRefOrGetter<string | undefined>,
  client = useClient(),
): ComputedRef<Person | undefined> {
  const cards = useReadable(client.people.cards);
  return computed(() => {
    const wanted = toValue(user);
    return wanted === undefined
      ? undefined
      : (cards.value.get(wanted) ?? client.people.get(wanted));
  });
}

/** Whether people are there; they are watched for as long as the scope lives. */
export function usePresence(
  users: MaybeRefOrGetter<readonly string[]>,
  client = useClient(),
): Readonly<ShallowRef<ReadonlyMap<string, Presence>>> {
  watch(
    () => toValue(users),
    (wanted, _, onCleanup) => onCleanup(client.presence.watch(wanted)),
    { immediate: true, flush: "sync" },
  );
  return useReadable(client.presence.states);
}

/** The present time in steps, for countdowns: `retryAt - now.value`. */
export function useNow(step = 1_000): Readonly<ShallowRef<number>> {
  const now = shallowRef(Date.now());
  const timer = setInterval(() => (now.value = Date.now()), step);
  onScopeDispose(() => clearInterval(timer));
  return readonly(now) as Readonly<ShallowRef<number>>;
}
