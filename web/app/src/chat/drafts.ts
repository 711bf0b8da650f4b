/** Texts that were begun and not sent, by room. They survive a reload and go with the user. */
import { shallowReactive } from "vue";
import { readLocal, writeLocal } from "../session/local";

const drafts = shallowReactive(new Map<string, string>());

const key = (user: string, room: string) => `draft.${user}.${room}`;

export function draftOf(user: string, room: string): string {
  const id = key(user, room);
  const known = drafts.get(id);
  if (known !== undefined) return known;
  const stored = readLocal(id);
  drafts.set(id, stored);
  return stored;
}

export function keepDraft(user: string, room: string, text: string): void {
  const id = key(user, room);
  if ((drafts.get(id) ?? "") === text) return;
  drafts.set(id, text);
  writeLocal(id, text);
}
