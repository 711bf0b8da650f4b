/** Sessions: who renews the tokens, when, and what happens when that fails. */

import { afterEach, expect, test, vi } from "vitest";
import {
  createAuth,
  HubbubError,
  Unauthorized,
  type Grant,
  type GrantStorage,
} from "../src/index.js";

afterEach(() => void vi.useRealTimers());

const MINUTE = 60_000;

/** An identity service: each refresh token works once, and a second use ends the login. */
class Identity {
  renewals = 0;
  ended = false;
  down = false;
  #valid = "";

  grant(): Grant {
    const n = ++this.renewals;
    this.#valid = `refresh-${n}`;
    // The server's clock is years away from ours: only the differences count.
    const iat = 4_000_000_000 + n;
    const payload = btoa(JSON.stringify({ sub: "ada", iat, exp: iat + 600 }));
    const person = {
      user: "ada",
      kind: "account",
      name: "ada",
      display_name: "Ada",
      colour: "#000000",
    } as const;
    return {
      access_token: `h.${payload}.${n}`,
      expires_at: "1999-01-01T00:00:00Z",
      refresh_token: this.#valid,
      refresh_expires_at: "1999-02-01T00:00:00Z",
      login: "l1",
      user: { ...person, created_at: "1998-01-01T00:00:00Z" },
    };
  }

  readonly fetch = (async (url: string, init?: RequestInit) => {
    if (this.down) throw new TypeError("fetch failed");
    const path = new URL(url).pathname;
    const body = JSON.parse((init?.body as string | undefined) ?? "{}") as {
      refresh_token?: string;
    };
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (path === "/chat/v1/auth/refresh") {
      if (this.ended || body.refresh_token !== this.#valid) {
        this.ended = true;
        return Response.json(
          { error: { code: "unauthenticated", message: "used", retryable: false } },
          { status: 401 },
        );
      }
    } else if (path !== "/chat/v1/auth/login") return new Response("no such page", { status: 404 });
    return Response.json(this.grant());
  }) as typeof globalThis.fetch;
}

class Shelf implements GrantStorage {
  readonly rows = new Map<string, string>();
  getItem = (key: string) => this.rows.get(key) ?? null;
  setItem = (key: string, value: string) => void this.rows.set(key, value);
  removeItem = (key: string) => void this.rows.delete(key);
}

async function signedIn(identity: Identity, storage?: GrantStorage) {
  const options = { url: "https://chat.example/chat/", fetch: identity.fetch };
  const auth = createAuth(storage ? { ...options, storage } : options);
  return { auth, session: await auth.login({ name: "ada", password: "swordfish1" }) };
}

test("a token serves most of its life, whatever the clock says, and is renewed once for all who ask", async () => {
  vi.useFakeTimers({ now: 0, shouldAdvanceTime: true });
  const identity = new Identity();
  const { session } = await signedIn(identity);
  const first = await session.getToken();
  expect(await session.getToken({ reason: "connect" })).toBe(first);
  await vi.advanceTimersByTimeAsync(7 * MINUTE);
  expect(await session.getToken({ reason: "connect" })).toBe(first);
  await vi.advanceTimersByTimeAsync(2 * MINUTE);
  const asked = await Promise.all([
    session.getToken(),
    session.getToken(),
    session.getToken({ reason: "expiring" }),
  ]);
  expect(new Set(asked).size).toBe(1);
  expect(asked[0]).not.toBe(first);
  expect(identity.renewals).toBe(2);
  vi.setSystemTime(-400 * 24 * 60 * MINUTE);
  expect(await session.getToken()).toBe(asked[0]);
});

test("a refused token is renewed, though it looks good", async () => {
  const identity = new Identity();
  const { session } = await signedIn(identity);
  const first = await session.getToken();
  expect(await session.getToken({ reason: "refused" })).not.toBe(first);
});

test("another tab's renewal is taken over instead of using the token twice", async () => {
  const identity = new Identity();
  const storage = new Shelf();
  const { auth, session } = await signedIn(identity, storage);
  const other = auth.restore();
  expect(other?.user).toBe("ada");
  const renewed = await other?.getToken({ reason: "expiring" });
  expect(await session.getToken({ reason: "expiring" })).toBe(renewed);
  expect(identity).toMatchObject({ renewals: 2, ended: false });
});

test("a login that has ended is final, and forgotten; a server that is away is not", async () => {
  const identity = new Identity();
  const storage = new Shelf();
  const { auth, session } = await signedIn(identity, storage);
  identity.down = true;
  const away = await session.getToken({ reason: "refused" }).catch((error: unknown) => error);
  expect(away).toBeInstanceOf(HubbubError);
  expect(away).toMatchObject({ code: "unavailable", retryable: true });
  expect(auth.restore()).toBeDefined();
  identity.down = false;
  identity.ended = true;
  await expect(session.getToken({ reason: "refused" })).rejects.toBeInstanceOf(Unauthorized);
  await expect(session.getToken()).rejects.toBeInstanceOf(Unauthorized);
  expect(auth.restore()).toBeUndefined();
});

test("a storage that denies everything only means that the login ends with the page", async () => {
  const denied = () => {
    throw new DOMException("denied", "SecurityError");
  };
  const { auth, session } = await signedIn(new Identity(), {
    getItem: denied,
    setItem: denied,
    removeItem: denied,
  });
  expect(await session.getToken()).toContain("h.");
  expect(auth.restore()?.user).toBe("ada");
});

test("a refusal says what the server says", async () => {
  const error = { code: "conflict", message: "name is taken", retryable: false };
  const fetch = async () => Response.json({ error }, { status: 409 });
  const auth = createAuth({ url: "https://chat.example", fetch });
  await expect(auth.guest({ nickname: "Ada" })).rejects.toMatchObject(error);
});

test("an answer that is no JSON of ours is an error of ours", async () => {
  const auth = createAuth({
    url: "https://chat.example",
    fetch: async () => new Response("<html>", { status: 502 }),
  });
  await expect(auth.guest()).rejects.toMatchObject({ code: "unavailable", retryable: true });
});
