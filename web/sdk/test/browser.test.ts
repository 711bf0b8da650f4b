/** One socket for all tabs, in a real browser against a real server; tabs, leaders and workers die. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { BrowserContext, Page } from "playwright-core";
import type { Grant, Message, Session } from "../src/index.js";
import { Pages } from "./browser.js";
import { Gateway } from "./gateway.js";
import { live } from "./helpers.js";

let pages: Pages;
let gateway: Gateway;
const contexts: BrowserContext[] = [];
let guests = 0;

beforeAll(async () => {
  pages = await Pages.serve();
  gateway = await Gateway.start({
    HUBBUB_GATEWAY__EDGE__ALLOWED_ORIGINS: `same-host,${pages.origin}`,
  });
});
afterAll(async () => {
  await pages.close();
  await gateway.stop();
});
afterEach(async () => {
  for (const context of contexts.splice(0)) await context.close();
  await sockets(0);
});

/** A person with a browser, a room of their own, and somebody in Node who watches it. */
async function person(): Promise<{
  context: BrowserContext;
  room: string;
  history: () => Promise<Message[]>;
}> {
  const answer = await fetch(`${gateway.url}/v1/auth/guest`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ nickname: `ada${++guests}` }),
  });
  const grant = (await answer.json()) as Grant;
  const session = {
    user: grant.user.user,
    getToken: () => grant.access_token,
  } as unknown as Session;
  const made = gateway.client(session);
  await live(made);
  const { room } = await made.rooms.create({ name: "Tea" });
  made.close();
  await sockets(0);
  const context = await pages.context(grant);
  contexts.push(context);
  const history = async () => {
    const all: Message[] = [];
    for (;;) {
      const before = all[0] ? `&before_seq=${all[0].seq}` : "";
      const headers = { authorization: `Bearer ${grant.access_token}` };
      const path = `${gateway.url}/v1/rooms/${room}/messages?limit=100${before}`;
      const page = (await (await fetch(path, { headers })).json()) as {
        messages: Message[];
        has_more: boolean;
      };
      all.unshift(...page.messages);
      if (!page.has_more) return all.filter(({ body }) => body);
    }
  };
  return { context, room, history };
}

/** By the server's own gauge. */
async function sockets(count: number): Promise<void> {
  const end = performance.now() + 15_000;
  let last = NaN;
  while (performance.now() < end) {
    last = await gateway.metric("hubbub_gateway_sessions ");
    if (last === count) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${last} sockets, not ${count}`);
}

const say = (page: Page, room: string, texts: string[]) =>
  page.evaluate(
    async ([room, texts]) => {
      const sendings = texts.map((text) => globalThis.sdk.client.send(room, text));
      await Promise.all(sendings.map(({ stored }) => stored));
    },
    [room, texts] as const,
  );

/** What the page shows of the room, and what is wrong with it. */
const shown = (page: Page, room: string) =>
  page.evaluate((room) => {
    const { client } = globalThis.sdk as unknown as {
      client: { timeline(room: string): import("../src/index.js").Timeline };
    };
    const own = globalThis as unknown as { timeline?: import("../src/index.js").Timeline };
    own.timeline ??= client.timeline(room);
    const { messages, pending, status } = own.timeline.snapshot.get();
    return {
      status,
      pending: pending.length,
      seqs: messages.map(({ seq }) => seq),
      texts: messages.flatMap(({ body }) => body?.text ?? []),
    };
  }, room);

async function showsAll(page: Page, room: string, count: number): Promise<void> {
  const end = performance.now() + 15_000;
  for (;;) {
    const { seqs, texts, pending, status } = await shown(page, room);
    expect(seqs).toEqual(seqs.map((_, at) => (seqs[0] ?? 0) + at));
    expect(new Set(texts).size).toBe(texts.length);
    if (status === "ready" && pending === 0 && seqs.at(-1) === count) return;
    if (performance.now() > end)
      throw new Error(`${status}, ${pending} pending, at ${seqs.at(-1)} of ${count}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const numbered = (who: string, count: number) =>
  Array.from({ length: count }, (_, n) => `${who} ${n}`);

/** Each sender's messages, in the order they were stored. */
function inOrder(all: readonly Message[], who: string): string[] {
  return all.flatMap(({ body }) => (body?.text?.startsWith(`${who} `) ? [body.text] : []));
}

describe.each(["worker", "leader"] as const)("five tabs by %s", (tabs) => {
  test("share one socket, and see the same", async () => {
    const { context, room, history } = await person();
    const five: Page[] = [];
    for (let n = 0; n < 5; n++) five.push(await pages.open(context, gateway.url, tabs));
    const kinds = await Promise.all(
      five.map((page) => page.evaluate(() => globalThis.sdk.client.sharing.get())),
    );
    expect(kinds).toEqual(Array(5).fill(tabs));
    await sockets(1);
    await Promise.all(five.map((page, at) => say(page, room, numbered(`tab${at}`, 8))));
    const all = await history();
    expect(all).toHaveLength(40);
    for (const [at, page] of five.entries()) {
      expect(inOrder(all, `tab${at}`)).toEqual(numbered(`tab${at}`, 8));
      await showsAll(page, room, 41);
    }
    await sockets(1);
  }, 90_000);

  test("go on when the one that owns the socket is killed in the middle of sending", async () => {
    const { context, room, history } = await person();
    const five: Page[] = [];
    for (let n = 0; n < 5; n++) five.push(await pages.open(context, gateway.url, tabs));
    await sockets(1);
    for (const page of five) await shown(page, room);
    const opened = await gateway.metric("hubbub_gateway_connections_accepted_total");
    // The first tab leads; of a worker there is no tab to kill but the worker itself.
    const victim = tabs === "leader" ? five.shift() : undefined;
    const sending = five.map((page, at) => say(page, room, numbered(`tab${at}`, 30)));
    const lost = victim ? say(victim, room, numbered("lost", 30)).catch(() => {}) : undefined;
    await new Promise((resolve) => setTimeout(resolve, 150));
    if (victim) {
      const devtools = await context.newCDPSession(victim);
      devtools.send("Page.crash").catch(() => {});
    } else await killWorker();
    await Promise.all(sending);
    const kept = async () => inOrder(await history(), "lost");
    let all = await history();
    // What the victim had kept is sent by the next leader; how much that was is the victim's secret.
    for (const end = performance.now() + 5_000; victim && performance.now() < end;) {
      const before = (await kept()).length;
      await new Promise((resolve) => setTimeout(resolve, 300));
      if ((await kept()).length === before && before > 0) break;
    }
    all = await history();
    for (const [at, page] of five.entries()) {
      expect(inOrder(all, `tab${at}`)).toEqual(numbered(`tab${at}`, 30));
      await showsAll(page, room, all.length + 1);
    }
    const fromVictim = inOrder(all, "lost");
    expect(fromVictim).toEqual(numbered("lost", fromVictim.length));
    expect(new Set(all.map(({ client_id }) => client_id)).size).toBe(all.length);
    await sockets(1);
    const again = await gateway.metric("hubbub_gateway_connections_accepted_total");
    expect(again, "the socket was lost, and opened again").toBeGreaterThan(opened);
    await lost;
  }, 90_000);
});

/** The worker dies as it does when the browser runs out of memory. */
async function killWorker(): Promise<void> {
  const devtools = await pages.browser.newBrowserCDPSession();
  const { targetInfos } = await devtools.send("Target.getTargets");
  const worker = targetInfos.find(({ type }) => type === "shared_worker");
  if (!worker) throw new Error("there is no worker");
  await devtools.send("Target.closeTarget", { targetId: worker.targetId });
}

test.each(["worker", "leader"])(
  "signing out in one tab by %s ends all, and leaves nothing stored",
  async (tabs) => {
    const { context, room } = await person();
    const two = [
      await pages.open(context, gateway.url, tabs),
      await pages.open(context, gateway.url, tabs),
    ];
    await say(two[1] as Page, room, ["hello"]);
    for (const page of two) await showsAll(page, room, 2);
    const stored = () =>
      (two[1] as Page).evaluate(async () => {
        const rows: number[] = [];
        for (const { name } of await indexedDB.databases()) {
          const db = await new Promise<IDBDatabase>((resolve) => {
            const request = indexedDB.open(name as string);
            request.onsuccess = () => resolve(request.result);
          });
          for (const table of db.objectStoreNames) {
            const count = db.transaction(table).objectStore(table).count();
            rows.push(
              await new Promise((resolve) => (count.onsuccess = () => resolve(count.result))),
            );
          }
          db.close();
        }
        return rows.reduce((sum, count) => sum + count, 0);
      });
    await expect.poll(stored, { timeout: 10_000 }).toBeGreaterThan(1);
    await two[0]?.evaluate(() => globalThis.sdk.client.logout());
    for (const page of two) {
      await page.waitForFunction(() => globalThis.sdk.client.state.get().state === "closed");
    }
    await sockets(0);
    expect(await stored()).toBe(0);
    // What was due to be saved later is not.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await stored()).toBe(0);
  },
);

test("a page that is reloaded and closed while it sends 200 messages: each kept one stored once", async () => {
  const { context, room, history } = await person();
  let page = await pages.open(context, gateway.url, "auto");
  for (let round = 0; round < 10; round++) {
    // Written without waiting; the page notes what it was told is kept.
    const texts = numbered(`round${round}`, 20);
    await page.evaluate(
      async ([room, texts]) => {
        const { client } = globalThis.sdk;
        await Promise.all(
          texts.map(async (text) => {
            const { kept, client_id } = client.send(room, text);
            await kept;
            localStorage.setItem(`kept:${client_id}`, text);
          }),
        );
      },
      [room, texts] as const,
    );
    if (round % 2 === 0) await page.reload();
    else {
      await page.close();
      page = await pages.open(context, gateway.url, "auto");
    }
    await page.waitForFunction(() => globalThis.sdk?.client !== undefined);
  }
  await page.waitForFunction(() => {
    const { client } = globalThis.sdk;
    return client.state.get().state === "live" && client.outbox.pending.get().length === 0;
  });
  const kept = await page.evaluate(() =>
    Object.keys(localStorage)
      .filter((key) => key.startsWith("kept:"))
      .map((key) => key.slice(5)),
  );
  const all = await history();
  expect(kept).toHaveLength(200);
  expect(all.map(({ client_id }) => client_id).sort()).toEqual(kept.sort());
  for (let round = 0; round < 10; round++) {
    expect(inOrder(all, `round${round}`)).toEqual(numbered(`round${round}`, 20));
  }
}, 120_000);

test("the one-file build runs in a plain module script, too", async () => {
  const { context, room, history } = await person();
  const page = await pages.open(context, gateway.url, "auto", "hubbub.min.js");
  expect(await page.evaluate(() => globalThis.sdk.client.sharing.get())).toBe("worker");
  await say(page, room, ["hello"]);
  expect((await history()).map(({ body }) => body?.text)).toEqual(["hello"]);
});
