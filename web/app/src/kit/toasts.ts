/** Short messages at the edge of the screen: what was refused, what was done. */
import { shallowRef } from "vue";
import { problemText, t } from "../i18n";
import { countdown } from "../i18n/dates";

export interface Toast {
  readonly id: number;
  readonly text: string;
  readonly kind: "note" | "problem";
}

/** More than these would cover the page: the oldest goes. */
const TOASTS_MAX = 3;
const SHOWN_MS = 5000;

export const toasts = shallowRef<readonly Toast[]>([]);
let last = 0;

export function say(text: string, kind: Toast["kind"] = "note"): void {
  const toast = { id: ++last, text, kind };
  toasts.value = [...toasts.value.filter((other) => other.text !== text), toast].slice(-TOASTS_MAX);
  setTimeout(() => dismiss(toast.id), SHOWN_MS);
}

export function dismiss(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}

/** What an error means to the user, in their language. */
export function explain(error: unknown): string {
  const shape = error as { code?: unknown; retry_after_ms?: unknown };
  if (
    shape.code === "rate_limited" &&
    typeof shape.retry_after_ms === "number" &&
    shape.retry_after_ms > 2000
  ) {
    return t("signIn.tooMany", { time: countdown(shape.retry_after_ms) });
  }
  if (typeof shape.code === "string") return problemText(shape.code);
  return problemText("internal");
}

/** Runs a call of the user's and says so when it is refused. Gives whether it passed. */
export async function attempt(call: () => unknown): Promise<boolean> {
  try {
    await call();
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code !== "cancelled") say(explain(error), "problem");
    return false;
  }
}
