/** Keeps the service worker, and says when a newer client waits. */
import { shallowRef } from "vue";
import { scriptUrl } from "../session/worker";

const CHECK_MS = 60 * 60_000;

/** A newer client is there; calling it reloads the page with it. */
export const update = shallowRef<(() => void) | undefined>();

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
