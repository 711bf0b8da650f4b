/** Where a reader is in a conversation stays where it is, to the pixel, whatever comes and grows around it. */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { fresh, launch, login, open, Speaker } from "./world";

let browser: Browser;
let ada: Speaker;
let bob: Speaker;
let room: string;
let page: Page;

beforeAll(async () => {
  browser = await launch();
  ada = await Speaker.register(fresh("ada"), "Ada");
  bob = await Speaker.register(fresh("bob"), "Bob");
  room = await ada.create("long", [bob.name]);
  for (let count = 1; count <= 250; count++) {
    const text = count % 5 ? `message ${count}` : `message ${count} `.repeat(20);
    await (count % 3 ? ada : bob).say(room, text);
  }
  await ada.read(room, 251);
  ({ page } = await open(browser));
  await login(page, ada.name, `/r/${room}`);
});
afterAll(() => browser.close());

const scroller = () => page.locator(".scroller[role=group]");
const newest = () =>
  page.evaluate(() =>
    Math.max(
      ...[...document.querySelectorAll("[data-seq]")].map((row) => Number(row.getAttribute("data-seq"))),
    ),
  );
const oldest = () =>
  page.evaluate(() =>
    Math.min(
      ...[...document.querySelectorAll("[data-seq]")].map((row) => Number(row.getAttribute("data-seq"))),
    ),
  );

/** From now on notes, in every frame, how far the row in the middle of the view has moved. */
async function watchMiddle(): Promise<() => Promise<number>> {
  await page.evaluate(() => {
    const box = document.querySelector(".scroller[role=group]")?.getBoundingClientRect();
    if (!box) throw new Error("no scroller");
    const row = [0.5, 0.4, 0.6, 0.45, 0.55]
      .map((share) =>
        document
          .elementFromPoint(box.left + box.width / 2, box.top + box.height * share)
          ?.closest("[data-row]"),
      )
      .find(Boolean);
    if (!row) throw new Error("no row in the middle");
    const at = row.getBoundingClientRect().bottom;
    const state = { most: 0, running: true };
    Object.assign(globalThis, { watched: state });
    // Looked at behind the frame: what was painted, not what was on the way to it.
    const { port1, port2 } = new MessageChannel();
    port1.start();
    port1.addEventListener("message", () => {
      const moved = row.isConnected ? Math.abs(row.getBoundingClientRect().bottom - at) : Infinity;
      state.most = Math.max(state.most, moved);
      if (state.running) requestAnimationFrame(frame);
    });
    const frame = () => port2.postMessage(null);
    requestAnimationFrame(frame);
  });
  return () =>
    page.evaluate(async () => {
      for (let frames = 0; frames < 10; frames++)
        await new Promise((resolve) => requestAnimationFrame(resolve));
      const { watched } = globalThis as unknown as { watched: { most: number; running: boolean } };
      watched.running = false;
      return Math.round(watched.most);
    });
}

async function scrollUp(pixels: number): Promise<void> {
  await scroller().evaluate((at, by) => at.scrollBy({ top: -by }), pixels);
  await page.evaluate(
    () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))),
  );
}

describe("the reader's place", () => {
  beforeEach(async () => {
    await page.reload();
    await page.locator(`[data-seq='${await lastSeq()}']`).waitFor();
  });
  let last = 251;
  const lastSeq = async () => last;

  it("opens at the newest", async () => {
    expect(await scroller().evaluate((at) => at.scrollTop)).toBe(0);
    expect(await newest()).toBe(last);
  });

  it("does not move when older messages come above", async () => {
    const before = await oldest();
    // Far enough that the next page is asked for, not so far that its place is in view.
    await scroller().evaluate((at) =>
      at.scrollTo({ top: -(at.scrollHeight - at.clientHeight) + 0.5 * at.clientHeight }),
    );
    const moved = await watchMiddle();
    await expect.poll(oldest).toBeLessThan(before);
    expect(await moved()).toBe(0);
  });

  it("does not move when others write, and a counter says how many", async () => {
    await scrollUp(900);
    const moved = await watchMiddle();
    for (let count = 0; count < 3; count++)
      last = await bob.say(room, `news ${count} ${"words ".repeat(40)}`);
    await page.locator(".jump .count", { hasText: "3" }).waitFor();
    expect(await moved()).toBe(0);
    await page.locator(".jump").click();
    await expect.poll(() => scroller().evaluate((at) => at.scrollTop)).toBe(0);
    await page.locator(".jump").waitFor({ state: "detached" });
  });

  it("does not move when the composer grows, above or at the end", async () => {
    await scrollUp(900);
    let moved = await watchMiddle();
    await page.locator("textarea").fill("one\ntwo\nthree\nfour");
    expect(await moved()).toBe(0);
    await page.locator("textarea").fill("");

    await page.locator(".jump").click();
    await expect.poll(() => scroller().evaluate((at) => at.scrollTop)).toBe(0);
    await page.locator("textarea").fill("one\ntwo\nthree\nfour");
    expect(await scroller().evaluate((at) => at.scrollTop)).toBe(0);
    await page.locator("textarea").fill("");
    moved = await watchMiddle();
    expect(await moved()).toBe(0);
  });

  it("keeps the element of a message while it becomes a stored one", async () => {
    await page.locator("textarea").fill("mine");
    await page.evaluate(() => {
      const seen = new Set<Element>();
      Object.assign(globalThis, { seen });
      new MutationObserver(() => {
        for (const row of document.querySelectorAll("article.mine"))
          if (row.textContent?.includes("mine")) seen.add(row);
      }).observe(document.body, { childList: true, subtree: true });
    });
    await page.locator("textarea").press("Enter");
    await page.locator("article.mine", { hasText: "mine" }).locator(".status:not(.sending)").waitFor();
    last += 1;
    await page.locator(`[data-seq='${last}']`).waitFor();
    expect(await scroller().evaluate((at) => at.scrollTop)).toBe(0);
  });

  it("comes back from an old message by the jump", async () => {
    await page.evaluate(() => history.pushState(history.state, "", location.href));
    await page.goto(`${page.url().replace(/\/r\/.*/, "")}/r/${room}/20`);
    await page.locator("[data-seq='20']").waitFor();
    await expect
      .poll(() => page.locator("[data-seq='20']").evaluate((row) => row.getBoundingClientRect().top))
      .toBeGreaterThan(0);
    expect(await newest()).toBeLessThan(last);
    // Newer pages come as one reads on, and nothing jumps to the end.
    const before = await newest();
    await scroller().evaluate((at) => at.scrollTo({ top: -at.clientHeight }));
    const moved = await watchMiddle();
    await expect.poll(newest).toBeGreaterThan(before);
    expect(await moved()).toBe(0);
    await page.locator(".jump").click();
    await page.locator(`[data-seq='${last}']`).waitFor();
    await expect.poll(() => scroller().evaluate((at) => at.scrollTop)).toBe(0);
    await page.goto(`${page.url().replace(/\/r\/.*/, "")}/r/${room}`);
  });
});
