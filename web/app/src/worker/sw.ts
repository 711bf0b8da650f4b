/**
 * The service worker: keeps the shell of this build, so that the client opens without a network, and shows what is
 * pushed. It never answers for the API. A newer one waits until the page says so (`prompt`), so that nobody loses what
 * they are writing.
 */
declare const self: ServiceWorkerGlobalScope;
export {};

/** Filled in by the build: the hashed files of the shell, and a name that only this build has. */
declare const __SHELL__: { readonly name: string; readonly files: readonly string[] };
const { name: build, files: SHELL } = __SHELL__;
const CACHE = `shell-${build}`;

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(["/", "/icon.svg", ...SHELL])));
});

self.addEventListener("activate", (event) => {
  const clean = async () => {
    for (const name of await caches.keys())
      if (name.startsWith("shell-") && name !== CACHE) await caches.delete(name);
    await self.clients.claim();
  };
  event.waitUntil(clean());
});

self.addEventListener("message", ({ data }) => {
  if ((data as { type?: string } | null)?.type === "take-over") void self.skipWaiting();
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== self.location.origin) return;
  if (/^\/(v1|socket\.io|examples|\.well-known)(\/|$)/.test(pathname)) return;
  if (request.mode === "navigate") {
    // The network first: a client that is there is never stale.
    event.respondWith(fetch(request).catch(async () => (await caches.match("/")) ?? Response.error()));
  } else if (pathname.startsWith("/assets/")) {
    event.respondWith(caches.match(request).then((kept) => kept ?? fetch(request)));
  }
});

interface Pushed {
  readonly title?: string;
  readonly body?: string;
  readonly room?: string;
}

self.addEventListener("push", (event) => {
  let pushed: Pushed = {};
  try {
    pushed = (event.data?.json() as Pushed | undefined) ?? {};
  } catch {
    // Not ours: a notification must be shown all the same.
  }
  const room = pushed.room ?? "";
  const options = {
    body: pushed.body ?? "",
    tag: room,
    icon: "/icon-192.png",
    data: { url: room ? `/r/${room}` : "/" },
  };
  event.waitUntil(self.registration.showNotification(pushed.title ?? "hubbub", options));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const { url = "/" } = (event.notification.data ?? {}) as { url?: string };
  const open = async () => {
    const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
    const page = pages.find(({ visibilityState }) => visibilityState === "visible") ?? pages[0];
    if (!page) return void (await self.clients.openWindow(url));
    await page.focus();
    page.postMessage({ open: url });
  };
  event.waitUntil(open());
});
