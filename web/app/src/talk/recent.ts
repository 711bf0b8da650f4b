/** The emoji that were used last, the usual ones behind them. */
import { shallowRef } from "vue";
import { readLocal, writeLocal } from "../session/local";

const USUAL = ["👍", "❤️", "😂", "🎉", "😮", "😢", "🙏", "👀"];
const KEPT = 24;
const used = shallowRef<readonly string[]>(readLocal("emoji").split(" ").filter(Boolean));

export function recentEmoji(): readonly string[] {
  return [...used.value, ...USUAL.filter((emoji) => !used.value.includes(emoji))];
}

export function useEmoji(emoji: string): void {
  used.value = [emoji, ...used.value.filter((other) => other !== emoji)].slice(0, KEPT);
  writeLocal("emoji", used.value.join(" "));
}
