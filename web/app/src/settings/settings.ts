/** What the user set for this browser: looks, keys, notifications. It outlives sign-outs. */
import { reactive, watch } from "vue";
import { LANGUAGES, preferred, speak, type Language } from "../i18n";

export type NotifyMode = "all" | "mentions" | "none";

export interface Settings {
  theme: "system" | "light" | "dark";
  size: "small" | "normal" | "large" | "huge";
  /** Absent: what the browser prefers. */
  language?: Language;
  ctrlEnterSends: boolean;
  desktop: boolean;
  sound: boolean;
  /** Hours between which nothing makes a sound or a notification; they may span midnight. */
  quiet: { on: boolean; from: number; to: number };
  /** Only what differs from `all`; `none` is the server's `muted`. */
  mentionsOnly: Record<string, true>;
  /** The explanation of notifications was answered. */
  askedToNotify: boolean;
}

const KEY = "hubbub.settings";

const defaults = (): Settings => ({
  theme: "system",
  size: "normal",
  ctrlEnterSends: false,
  desktop: false,
  sound: true,
  quiet: { on: false, from: 22, to: 8 },
  mentionsOnly: {},
  askedToNotify: false,
});

/** Reads what was stored; whatever is missing, of another type or unknown is the default. */
export function parse(text: string | null): Settings {
  const settings = defaults();
  let stored: unknown;
  try {
    stored = JSON.parse(text ?? "{}");
  } catch {
    return settings;
  }
  if (typeof stored !== "object" || stored === null) return settings;
  const from = stored as Partial<Record<keyof Settings, unknown>>;
  if (from.theme === "light" || from.theme === "dark") settings.theme = from.theme;
  if (from.size === "small" || from.size === "large" || from.size === "huge") settings.size = from.size;
  if (typeof from.language === "string" && from.language in LANGUAGES)
    settings.language = from.language as Language;
  for (const key of ["ctrlEnterSends", "desktop", "sound", "askedToNotify"] as const) {
    if (typeof from[key] === "boolean") settings[key] = from[key];
  }
  const quiet = from.quiet as Partial<Settings["quiet"]> | undefined;
  if (typeof quiet?.on === "boolean") settings.quiet.on = quiet.on;
  for (const key of ["from", "to"] as const) {
    const hour = quiet?.[key];
    if (typeof hour === "number" && hour >= 0 && hour <= 23) settings.quiet[key] = Math.floor(hour);
  }
  for (const room of Object.keys((from.mentionsOnly as object | undefined) ?? {}))
    settings.mentionsOnly[room] = true;
  return settings;
}

function read(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

export const settings = reactive(parse(read()));

/** Applies the settings, now and whenever they change, here or in another tab. */
export function applySettings(): void {
  watch(
    settings,
    () => {
      try {
        localStorage.setItem(KEY, JSON.stringify(settings));
      } catch {
        // Storage is full or denied: the settings hold for this page.
      }
    },
    { deep: true },
  );
  watch(
    [() => settings.theme, () => settings.size],
    ([theme, size]) => {
      const { dataset } = document.documentElement;
      if (theme === "system") delete dataset["theme"];
      else dataset["theme"] = theme;
      dataset["size"] = size;
    },
    { immediate: true },
  );
  watch(
    () => settings.language,
    (chosen) => void speak(chosen ?? preferred(navigator.languages)),
  );
  addEventListener("storage", ({ key, newValue }) => {
    if (key === KEY && newValue !== null) Object.assign(settings, parse(newValue));
  });
}

/** Whether an hour (0 to 23) is a quiet one. */
export function isQuiet(quiet: Settings["quiet"], hour: number): boolean {
  if (!quiet.on || quiet.from === quiet.to) return false;
  return quiet.from < quiet.to
    ? hour >= quiet.from && hour < quiet.to
    : hour >= quiet.from || hour < quiet.to;
}
