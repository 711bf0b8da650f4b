/** What the parts of one conversation share. */
import type { Chat, Timeline, TimelineMessage, TimelineSnapshot } from "@hubbub/client";
import { inject, provide, type ComputedRef, type InjectionKey, type ShallowRef } from "vue";
import type { Names } from "../chat/names";

export interface Talk {
  readonly room: string;
  readonly timeline: Timeline;
  readonly snapshot: Readonly<ShallowRef<TimelineSnapshot>>;
  readonly chat: ComputedRef<Chat | undefined>;
  readonly names: Names;
  /** May delete what others said. */
  readonly isModerator: ComputedRef<boolean>;
  /** May write, so may react. */
  readonly canWrite: ComputedRef<boolean>;
  reply(message: TimelineMessage): void;
  edit(message: TimelineMessage): void;
  remove(message: TimelineMessage): Promise<void>;
  react(message: TimelineMessage, emoji: string): void;
  /** Opens all emoji to react with. */
  pickReaction(message: TimelineMessage): void;
  forward(message: TimelineMessage): void;
  inform(message: TimelineMessage): void;
  copy(message: TimelineMessage): Promise<void>;
  copyLink(message: TimelineMessage): Promise<void>;
  show(seq: number): Promise<void>;
}

const KEY: InjectionKey<Talk> = Symbol("talk");

export function provideTalk(talk: Talk): void {
  provide(KEY, talk);
}

export function useTalk(): Talk {
  const talk = inject(KEY);
  if (!talk) throw new Error("outside of a conversation");
  return talk;
}
