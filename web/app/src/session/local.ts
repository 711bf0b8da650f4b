/**
 * What this browser keeps of a user beside the client library's store: drafts and recent emoji. It goes when the
 * user signs out.
 */
const PREFIX = "hubbub.local.";
/** Drafts are short; a longer one is kept in memory only. */
const VALUE_MAX = 20_000;

export function readLocal(key: string): string {
  try {
    return localStorage.getItem(PREFIX + key) ?? "";
  } catch {
    return "";
  }
}

export function writeLocal(key: string, value: string): void {
  try {
    if (value === "" || value.length > VALUE_MAX) localStorage.removeItem(PREFIX + key);
    else localStorage.setItem(PREFIX + key, value);
  } catch {
    // Storage is full or denied: the value lives as long as the page.
  }
}

export function closeLocal(): void {
  try {
    for (const key of Object.keys(localStorage)) if (key.startsWith(PREFIX)) localStorage.removeItem(key);
  } catch {
    // Nothing was kept.
  }
}
