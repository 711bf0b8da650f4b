/** The line under a chat's name: what was said last. */
import type { Chat, Message, UserId } from "@hubbub/client";
import { systemText } from "../chat/system";
import { t } from "../i18n";
import { oneLine } from "../kit/text";
import { plainText } from "../talk/markdown";

export function messageText(message: Message, name: (user: UserId) => string): string {
  if (message.deleted) return t("chats.deleted");
  if (message.system) return systemText(message.system, name);
  const text = oneLine(plainText(message.body?.text ?? ""));
  return text || message.body?.attachments?.[0]?.name || t("chats.attachment");
}

/** Who said it, where that is not clear from the chat itself. */
export function speaker(chat: Chat, me: UserId, name: (user: UserId) => string): string {
  const message = chat.last_message;
  if (!message || message.system) return "";
  if (message.sender === me) return t("chats.you");
  return chat.kind === "direct" ? "" : `${oneLine(name(message.sender), 24)}:`;
}
