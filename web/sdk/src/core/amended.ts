import type { Message, ServerEvent } from "../wire.js";

/** A message after an edit, a deletion or a reaction. */
export function amended(
  message: Message,
  event: Extract<ServerEvent, { type: "edited" | "deleted" | "reacted" }>,
): Message {
  const { rev } = event;
  if (event.type === "reacted") {
    const { user, emoji, on } = event;
    const others = (message.reactions ?? []).filter(
      (reaction) => reaction.user !== user || reaction.emoji !== emoji,
    );
    return { ...message, rev, reactions: on ? [...others, { user, emoji }] : others };
  }
  const { body: _, reactions, ...rest } = message;
  if (event.type === "deleted" || event.body === undefined) return { ...rest, rev, deleted: true };
  const kept = reactions ? { reactions } : {};
  return { ...rest, ...kept, rev, body: event.body, edited_at: event.at };
}
