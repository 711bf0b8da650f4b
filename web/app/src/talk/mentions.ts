/** Naming people in a message: finding what is being typed, and who was named in the end. */
import type { Person } from "@hubbub/client";
import { rank } from "../chats/filter";
import type { MentionMark } from "./markdown";

/** The most people that a message may name (docs/protocol.md). */
export const MENTIONS_MAX = 50;

/** What stands in the text for a person: the name that never changes, or a guest's nickname. */
export function tokenOf(person: Pick<Person, "kind" | "name" | "display_name">): string {
  return `@${person.kind === "account" ? person.name : person.display_name}`;
}

/** The beginning of a name before the caret: where its `@` stands, and what follows it. */
export function begun(
  text: string,
  caret: number,
): { readonly at: number; readonly query: string } | undefined {
  const found = /(?:^|[\s\p{P}\p{Script=Han}])@([^\s@]{0,32})$/u.exec(text.slice(0, caret));
  if (!found) return undefined;
  const query = found[1] ?? "";
  return { at: caret - query.length - 1, query };
}

export function suggestions(people: readonly Person[], query: string, max = 6): readonly Person[] {
  const ranked = people.map((person) => ({
    person,
    rank: Math.max(rank(person.display_name, query), rank(person.name, query)),
  }));
  return ranked
    .filter((entry) => entry.rank > 0)
    .toSorted((a, b) => b.rank - a.rank || a.person.display_name.localeCompare(b.person.display_name))
    .slice(0, max)
    .map(({ person }) => person);
}

/** Who of the members is named in a text; longest names first, so that `@ann` is not found in `@anna`. */
export function named(text: string, people: readonly Person[]): readonly string[] {
  if (!text.includes("@")) return [];
  const found = new Set<string>();
  let rest = text;
  const byLength = people.toSorted((a, b) => tokenOf(b).length - tokenOf(a).length);
  for (const person of byLength) {
    const token = tokenOf(person);
    if (token.length < 2 || !rest.includes(token)) continue;
    const pieces = rest.split(token);
    const isWhole = pieces
      .slice(1)
      .some((after) => /\p{Script=Han}$/u.test(token) || !/^[\p{L}\p{N}_]/u.test(after));
    if (!isWhole) continue;
    found.add(person.user);
    rest = pieces.join("\u0000");
    if (found.size === MENTIONS_MAX) break;
  }
  return [...found];
}

/** How the people of a message's `mentions` are shown in it. */
export function marks(
  users: readonly string[],
  card: (user: string) => Person | undefined,
  me: string,
): readonly MentionMark[] {
  return users.slice(0, MENTIONS_MAX).flatMap((user) => {
    const person = card(user);
    if (!person) return [];
    const label = `@${person.display_name}`;
    const tokens = new Set([tokenOf(person), `@${person.name}`, label]);
    return [...tokens].map((token) => ({ token, label, user, me: user === me }));
  });
}
