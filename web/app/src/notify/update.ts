/** Keeps the service worker, and says when a newer client waits. */
import { shallowRef } from "vue";
import { scriptUrl } from "../session/worker";

const CHECK_MS = 60 * 60_000;

/** A newer client is there; calling it reloads the page with it. */
export const update = shallowRef<(() => void) | undefined>();

/** After a deploy the files of the page's own build may be gone: the newer page is fetched, but not in a circle. */
const RELOAD_PAUSE_MS = 30_000;

export function reloadWhenOutdated(): void {
  addEventListener("vite:preloadError", (event) => {
    const { state } = history as { state: { reloadedAt?: number } | null };
    if (Date.now() - (state?.reloadedAt ?? 0) < RELOAD_PAUSE_MS) return;
    event.preventDefault();
    history.replaceState({ ...state, reloadedAt: Date.now() }, "");
    location.reload();
  });
}

export async function keepUpToDate(): Promise<void> {
  if (!("serviceWorker" in navigator) || !import.meta.env.PROD) return;
  const registration = await navigator.serviceWorker.register(scriptUrl("/sw.js")).catch(() => undefined);
  if (!registration) return;
  const offer = () => {
    const { waiting } = registration;
    if (!waiting || !navigator.serviceWorker.controller) return;
    update.value = () => {
      navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
      waiting.postMessage({ type: "take-over" });
    };
  };
  offer();
  registration.addEventListener("updatefound", () => {
    const { installing } = registration;
    installing?.addEventListener("statechange", () => installing.state === "installed" && offer());
  });
  setInterval(() => void registration.update().catch(() => undefined), CHECK_MS);
}
