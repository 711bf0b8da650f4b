/**
 * Who is signed in, and their client. There is one session in a page; signing in or out anywhere in this browser
 * is noticed by all of its tabs.
 */
import { createAuth, createClient, type Client, type Person, type Session } from "@hubbub/client";
import { computed, shallowRef } from "vue";
import { closeLocal } from "./local";
import { sharedWorker } from "./worker";

/** The server is where this page came from. */
const url = location.origin;
const GRANT_KEY = "hubbub.grant";

/** localStorage, or memory where it is denied: then the session ends with the page. */
function storage(): Pick<globalThis.Storage, "getItem" | "setItem" | "removeItem"> {
  try {
    localStorage.setItem("hubbub.probe", "1");
    localStorage.removeItem("hubbub.probe");
    return localStorage;
  } catch {
    const memory = new Map<string, string>();
    return {
      getItem: (key) => memory.get(key) ?? null,
      setItem: (key, value) => void memory.set(key, value),
      removeItem: (key) => void memory.delete(key),
    };
  }
}

export const auth = createAuth({ url, storage: storage(), key: GRANT_KEY });

interface Open {
  readonly session: Session;
  readonly client: Client;
}

const open = shallowRef<Open | undefined>();
/** Why the last session ended: by the server, not by the user. */
export const ended = shallowRef(false);

export const isSignedIn = computed(() => open.value !== undefined);
export const myself = shallowRef<Person | undefined>();

/** The client of whoever is signed in. Screens behind sign-in may rely on it. */
export function useClient(): Client {
  if (!open.value) throw new Error("nobody is signed in");
  return open.value.client;
}

export function useSession(): Session {
  if (!open.value) throw new Error("nobody is signed in");
  return open.value.session;
}

/** Opens the chat for a session. */
export function begin(session: Session): void {
  ended.value = false;
  const client = createClient({ url, session, worker: sharedWorker(session.user) });
  myself.value = session.person;
  open.value = { session, client };
  client.on("state", (state) => {
    if (state.state === "closed" && (state.code === 4501 || state.code === 4503)) void finish();
  });
  client.people.me().then(
    (person) => (myself.value = person),
    () => undefined,
  );
}

/** The session that an earlier visit left, if it left one. */
export function resume(): void {
  const session = auth.restore();
  if (session) begin(session);
}

async function finish(): Promise<void> {
  if (!open.value) return;
  ended.value = true;
  const { client } = open.value;
  open.value = undefined;
  await client.logout().catch(() => undefined);
  closeLocal();
}

/** Signs out: ends the login, and removes what this browser kept of the chats. */
export async function leave(everywhere?: "everywhere"): Promise<void> {
  if (!open.value) return;
  const { client, session } = open.value;
  open.value = undefined;
  closeLocal();
  await client.logout(everywhere).catch(() => undefined);
  await session.logout(everywhere).catch(() => undefined);
  closeLocal();
}

// Another tab signed out: this one must not show the chats any longer.
addEventListener("storage", ({ key, newValue }) => {
  if (key === GRANT_KEY && newValue === null && open.value) {
    open.value.client.close();
    open.value = undefined;
    closeLocal();
  }
});
