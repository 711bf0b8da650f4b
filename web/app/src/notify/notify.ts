/**
 * Notifications, sound and badges. The client library chooses the one tab that hears of a message; what is done about
 * it is decided by `decide`, and taken back when the room is read, here or on another device.
 */
import type { Chat, Notice } from "@hubbub/client";
import { onScopeDispose, watch } from "vue";
import { useRouter } from "vue-router";
import { useNames } from "../chat/names";
import { useReadable } from "../chat/readable";
import { messageText } from "../chats/preview";
import { useClient } from "../session/session";
import { isQuiet, settings, type NotifyMode, type Settings } from "../settings/settings";
import { showBadge } from "./badge";
import { chime } from "./sound";

export function modeOf(chat: Pick<Chat, "room" | "muted">, from: Pick<Settings, "mentionsOnly">): NotifyMode {
  if (chat.muted) return "none";
  return from.mentionsOnly[chat.room] ? "mentions" : "all";
}

/** What a message gives rise to. */
export function decide(
  notice: Pick<Notice, "mention"> & { readonly chat: Pick<Chat, "room" | "muted"> },
  from: Pick<Settings, "mentionsOnly" | "quiet" | "desktop" | "sound">,
  hour: number,
): { readonly show: boolean; readonly sound: boolean } {
  const mode = modeOf(notice.chat, from);
  const wanted = mode === "all" || (mode === "mentions" && notice.mention);
  if (!wanted || isQuiet(from.quiet, hour)) return { show: false, sound: false };
  return { show: from.desktop, sound: from.sound };
}

export function useNotifications(): void {
  const client = useClient();
  const router = useRouter();
  const names = useNames();
  const list = useReadable(client.rooms.list);
  const shown = new Map<string, Notification>();

  async function show({ chat, message }: Notice): Promise<void> {
    const title = names.chatName(chat);
    const who = chat.kind === "direct" ? "" : `${names.name(message.sender)}: `;
    const url = router.resolve({ name: "room", params: { room: chat.room } }).href;
    const options = {
      body: who + messageText(message, names.name),
      tag: chat.room,
      icon: "/icon-192.png",
      data: { url },
    };
    const registration = await navigator.serviceWorker?.getRegistration();
    if (registration) return registration.showNotification(title, options);
    const notification = new Notification(title, options);
    notification.addEventListener("click", () => {
      window.focus();
      void router.push(url);
      notification.close();
    });
    shown.set(chat.room, notification);
  }

  async function takeBack(room: string): Promise<void> {
    shown.get(room)?.close();
    shown.delete(room);
    const registration = await navigator.serviceWorker?.getRegistration();
    for (const notification of (await registration?.getNotifications({ tag: room })) ?? [])
      notification.close();
  }

  const off = client.on("notice", (notice) => {
    const what = decide(notice, settings, new Date().getHours());
    if (what.sound) chime();
    if (what.show && globalThis.Notification?.permission === "granted")
      void show(notice).catch(() => undefined);
  });
  let unread = new Set<string>();
  watch(
    list,
    ({ chats, unread: count, mentions }) => {
      const now = new Set(chats.filter((chat) => chat.unread > 0).map(({ room }) => room));
      for (const room of unread) if (!now.has(room)) void takeBack(room);
      unread = now;
      showBadge(count, mentions);
    },
    { immediate: true },
  );
  const onMessage = ({ data }: MessageEvent<{ open?: string }>) => data?.open && void router.push(data.open);
  navigator.serviceWorker?.addEventListener("message", onMessage);
  onScopeDispose(() => {
    off();
    showBadge(0, 0);
    navigator.serviceWorker?.removeEventListener("message", onMessage);
  });
}
