/**
 * The client's words. A language is one module, loaded when it is chosen; English is in the first load and the
 * measure of completeness: the others have its type, so that a missing key does not compile.
 */
import { computed, shallowRef } from "vue";
import { en, type Words } from "./en";

export const LANGUAGES = { en: "English", "zh-Hant": "繁體中文", "zh-Hans": "简体中文" } as const;
export type Language = keyof typeof LANGUAGES;
export type Key = keyof Words;
export type Parameters = Record<string, string | number>;

const loaders: Record<Language, () => Promise<Words>> = {
  en: async () => en,
  "zh-Hant": async () => (await import("./zh-Hant")).zhHant,
  "zh-Hans": async () => (await import("./zh-Hans")).zhHans,
};

const current = shallowRef<{ language: Language; words: Words }>({ language: "en", words: en });

/** The language on the screen. */
export const language = computed(() => current.value.language);

/** The language that suits a list of preferences (`navigator.languages`), best first. */
export function preferred(preferences: readonly string[]): Language {
  for (const preference of preferences) {
    const locale = new Intl.Locale(preference).maximize();
    if (locale.language === "zh") return locale.script === "Hans" ? "zh-Hans" : "zh-Hant";
    if (locale.language === "en") return "en";
  }
  return "en";
}

/** Loads a language and puts it on the screen, without a reload. */
export async function speak(chosen: Language): Promise<void> {
  const words = await loaders[chosen]();
  current.value = { language: chosen, words };
  document.documentElement.lang = chosen;
}

/** The words for `key`. `{name}` is replaced by the parameter `name`; `count` chooses the plural form. */
export function t(key: Key, parameters: Parameters = {}): string {
  const entry: Words[Key] = current.value.words[key];
  const form = typeof entry === "string" ? entry : plural(entry, Number(parameters["count"] ?? 0));
  return form.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = parameters[name];
    return typeof value === "number" ? value.toLocaleString(language.value) : (value ?? whole);
  });
}

function plural(forms: { one: string; other: string }, count: number): string {
  return new Intl.PluralRules(language.value).select(count) === "one" ? forms.one : forms.other;
}

/** The words for an error's code (docs/protocol.md), and for what only the client can meet. */
export function problemText(code: string): string {
  const key = `error.${code}`;
  return key in en ? t(key as Key) : t("error.internal");
}
