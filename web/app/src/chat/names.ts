/** What people and rooms are called on the screen. */
import type { Chat, Person, UserId } from "@hubbub/client";
import type { ShallowRef } from "vue";
import { t } from "../i18n";
import { myself, useClient } from "../session/session";
import { useReadable } from "./readable";

export interface Names {
  readonly cards: Readonly<ShallowRef<ReadonlyMap<UserId, Person>>>;
  /** The card, which is fetched when it is not there yet. */
  card(user: UserId): Person | undefined;
  /** Somebody's display name, their id until it is known. */
  name(user: UserId): string;
  /** The same, but "You" for oneself. */
  nameOrYou(user: UserId): string;
  chatName(chat: Pick<Chat, "name" | "peer">): string;
}

export function useNames(): Names {
  const client = useClient();
  const cards = useReadable(client.people.cards);
  const card = (user: UserId) => {
    if (user === client.user && myself.value) return myself.value;
    return cards.value.get(user) ?? client.people.get(user);
  };
  const name = (user: UserId) => card(user)?.display_name || user;
  return {
    cards,
    card,
    name,
    nameOrYou: (user) => (user === client.user ? t("message.you") : name(user)),
    chatName: ({ name: own, peer }) => (peer ? name(peer) : own || "…"),
  };
}
