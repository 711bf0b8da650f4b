/** The addresses of this build's workers. The page's policy (trusted types) demands that one place vouches for each. */
import socketWorker from "@hubbub/client/worker?sharedworker&url";

interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { createScriptURL: (url: string) => string },
  ): { createScriptURL(url: string): string };
}

const policy = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes?.createPolicy("hubbub", {
  createScriptURL(url) {
    const { origin, pathname } = new URL(url, location.href);
    if (origin === location.origin && (pathname === "/sw.js" || pathname.startsWith("/assets/"))) return url;
    if (import.meta.env.DEV && origin === location.origin) return url;
    throw new TypeError("not a script of this client");
  },
});

export function scriptUrl(url: string): string {
  return policy ? policy.createScriptURL(url) : url;
}

/** Makes the worker that holds the one socket of all of a user's tabs. */
export function sharedWorker(user: string): () => SharedWorker {
  return () => new SharedWorker(scriptUrl(socketWorker), { type: "module", name: `hubbub:${user}` });
}
