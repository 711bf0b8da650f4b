/** Groups and their roles, contacts and blocks, being offline, several tabs, notifications. */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fresh, launch, login, open, Speaker, url } from "./world";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

const message = (page: Page, text: string) => page.locator("article", { hasText: text }).last();
const details = async (page: Page) => {
  await page.locator(".talk .pane-head .icon-button").last().click();
  await page.locator(".room-details").waitFor();
};

describe("a group", () => {
  it("is made, named, slowed down, closed and left", async () => {
    const ada = await Speaker.register(fresh("ada"), "Ada");
    const bob = await Speaker.register(fresh("bob"), "Bob");
    const { page: one, problems } = await open(browser);
    const { page: two } = await open(browser);
    await login(two, bob.name);
    await login(one, ada.name, "/new/group");
    await one.locator(".page form input").first().fill("Friday");
    await one.locator(".page input[type=search]").fill(bob.name);
    await one.locator(".found button").first().click();
    await one.locator(".chosen", { hasText: "Bob" }).waitFor();
    await one.locator(".page form > .button").click();
    await one.locator("textarea").waitFor();
    await two.locator(".row", { hasText: "Friday" }).locator(".link").click();
    await two.locator("textarea").waitFor();

    await details(one);
    await one.locator(".fields input").first().fill("Saturday");
    await one.locator(".fields .button").click();
    await two.locator("h1", { hasText: "Saturday" }).waitFor();
    await two.locator(".system", { hasText: "Ada renamed the room to “Saturday”" }).waitFor();

    await one.locator(".room-details select").selectOption("30");
    await two.locator(".system", { hasText: "slow mode" }).waitFor();
    await two.fill("textarea", "slowly");
    await two.press("textarea", "Enter");
    await message(one, "slowly").waitFor();
    await two.locator(".note", { hasText: "Slow mode" }).waitFor();
    await two.fill("textarea", "too soon");
    expect(await two.locator(".send").isDisabled()).toBe(true);

    await one.locator(".room-details [role=switch]").click();
    await two.locator(".closed", { hasText: "read-only" }).waitFor();
    expect(await two.locator("textarea").count()).toBe(0);

    await one.locator(".room-details li", { hasText: "Bob" }).locator("[aria-haspopup=menu]").click();
    await one.locator("[role=menuitem]", { hasText: "Remove from the room" }).click();
    await two.locator(".closed", { hasText: "no longer in this room" }).waitFor();
    expect(problems).toEqual([]);
    await Promise.all([one.context().close(), two.context().close()]);
  });

  it("that is public is found and joined, and its link can be shared", async () => {
    const ada = await Speaker.register(fresh("ada"));
    const bob = await Speaker.register(fresh("bob"));
    const name = fresh("square");
    const room = await ada.create(name, [], "public");
    await ada.say(room, "welcome");
    const { page } = await open(browser);
    await login(page, bob.name, "/new/public");
    await page.locator(".page input[type=search]").fill(name);
    await page.locator(".page .choice", { hasText: name }).click();
    await message(page, "welcome").waitFor();
    await page.context().close();

    const { page: guest } = await open(browser);
    await guest.goto(`${url}/j/${room}`);
    await guest.locator(".invited").waitFor();
    await guest.click("form .button");
    await message(guest, "welcome").waitFor();
    await guest.context().close();
  });
});

describe("people", () => {
  it("become contacts, and are blocked and unblocked", async () => {
    const ada = await Speaker.register(fresh("ada"), "Ada");
    const bob = await Speaker.register(fresh("bob"), "Bob");
    const room = await ada.direct(bob.name);
    await ada.say(room, "hello");
    const { page: one } = await open(browser);
    const { page: two } = await open(browser);
    await login(two, bob.name, "/people");
    await login(one, ada.name, `/r/${room}`);
    await details(one);
    await one.locator(".room-details .choice", { hasText: "Add contact" }).click();
    await two.locator(".yes").click();
    await two.locator("section", { hasText: "Contacts" }).locator("li", { hasText: "Ada" }).waitFor();

    await one.locator(".room-details .choice", { hasText: "Block" }).click();
    await one.locator("dialog .danger").click();
    await one.locator(".closed", { hasText: "blocks the other" }).waitFor();
    await one.reload();
    await one.locator(".closed", { hasText: "blocks the other" }).waitFor();
    await details(one);
    await one.locator(".room-details .choice", { hasText: "Unblock" }).click();
    await one.locator("textarea").waitFor();
    await Promise.all([one.context().close(), two.context().close()]);
  });

  it("who write to somebody that blocks them are told, and may discard what was refused", async () => {
    const ada = await Speaker.register(fresh("ada"), "Ada");
    const bob = await Speaker.register(fresh("bob"), "Bob");
    const room = await ada.direct(bob.name);
    const { page } = await open(browser);
    await login(page, bob.name, `/r/${room}`);
    await page.locator("textarea").waitFor();
    await ada.block(bob.name);
    await page.fill("textarea", "are you there?");
    await page.press("textarea", "Enter");
    await message(page, "are you there?").locator(".again").waitFor();
    await page.locator(".closed", { hasText: "blocks the other" }).waitFor();
    await message(page, "are you there?").locator(".again button", { hasText: "Discard" }).click();
    await message(page, "are you there?").waitFor({ state: "detached" });
    await page.context().close();
  });
});

describe("without a connection", () => {
  it("one reads on, what is written waits, and is sent once", async () => {
    const ada = await Speaker.register(fresh("ada"));
    const bob = await Speaker.register(fresh("bob"));
    const room = await ada.direct(bob.name);
    await bob.say(room, "before");
    const { page } = await open(browser);
    // A socket in the page itself: the browser's switch does not reach shared workers.
    await page.addInitScript(() => Reflect.deleteProperty(globalThis, "SharedWorker"));
    await login(page, ada.name, `/r/${room}`);
    await message(page, "before").waitFor();
    await page.context().setOffline(true);
    await page.locator(".connection", { hasText: "offline" }).waitFor();
    await page.fill("textarea", "written offline");
    await page.press("textarea", "Enter");
    await message(page, "written offline").locator(".status.sending").waitFor();
    await page.locator(".connection", { hasText: "1 message waits" }).waitFor();
    await bob.say(room, "meanwhile");
    await page.context().setOffline(false);
    await message(page, "written offline").locator(".status:not(.sending)").waitFor();
    await message(page, "meanwhile").waitFor();
    await page.locator(".connection").waitFor({ state: "detached" });
    expect(await page.locator("article", { hasText: "written offline" }).count()).toBe(1);
    const texts = await page.locator("article .text").allInnerTexts();
    expect(texts).toEqual(["before", "meanwhile", "written offline"]);
    await page.context().close();
  });
});

describe("several tabs", () => {
  it("of one person notify once, and take it back when the message is read", async () => {
    const ada = await Speaker.register(fresh("ada"), "Ada");
    const bob = await Speaker.register(fresh("bob"));
    const room = await ada.direct(bob.name);
    const { page } = await open(browser, { permissions: ["notifications"] });
    const settings = JSON.stringify({ desktop: true, askedToNotify: true });
    await page.context().addInitScript((text) => {
      if (!localStorage.getItem("hubbub.settings")) localStorage.setItem("hubbub.settings", text);
      const shown: string[] = [];
      Object.assign(globalThis, { shown });
      const show = ServiceWorkerRegistration.prototype.showNotification;
      ServiceWorkerRegistration.prototype.showNotification = function (title, options) {
        shown.push(title);
        return show.call(this, title, options);
      };
    }, settings);
    await login(page, bob.name, "/settings");
    const tabs = [page];
    for (let count = 0; count < 2; count++) {
      const tab = await page.context().newPage();
      await tab.goto(`${url}/settings`);
      await tab.locator(".row .link").first().waitFor();
      tabs.push(tab);
    }
    await page.evaluate(async () => void (await navigator.serviceWorker.ready));
    const notified = async () => {
      const all = await Promise.all(
        tabs.map((tab) => tab.evaluate(() => (globalThis as unknown as { shown: string[] }).shown)),
      );
      return all.flat();
    };
    const kept = () =>
      page.evaluate(async () => {
        const registration = await navigator.serviceWorker.getRegistration();
        return ((await registration?.getNotifications()) ?? []).length;
      });
    const seq = await ada.say(room, "ping");
    await expect.poll(notified, { timeout: 10_000 }).toEqual(["Ada"]);
    expect(await kept()).toBe(1);
    await expect.poll(() => page.title()).toBe("(1) hubbub");
    // On another device.
    await bob.read(room, seq);
    await expect.poll(kept, { timeout: 10_000 }).toBe(0);
    await expect.poll(() => page.title()).toBe("hubbub");
    expect(await notified()).toEqual(["Ada"]);
    await page.context().close();
  });
});

describe("a browser that", () => {
  it("denies storage still chats, for as long as the page lives", async () => {
    const ada = await Speaker.register(fresh("ada"));
    const { page, problems } = await open(browser);
    await page.addInitScript(() => {
      const deny = () => {
        throw new DOMException("denied", "SecurityError");
      };
      // As Chromium does it when cookies are blocked.
      for (const name of ["localStorage", "sessionStorage"])
        Object.defineProperty(globalThis, name, { get: deny });
      IDBFactory.prototype.open = deny;
      Reflect.deleteProperty(globalThis, "SharedWorker");
    });
    await login(page, ada.name);
    await page.click("[href='/new']");
    await page.locator(".page input[type=search]").waitFor();
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it("holds the page of an earlier build fetches the newer one", async () => {
    const ada = await Speaker.register(fresh("ada"));
    const { page } = await open(browser, { serviceWorkers: "block" });
    await login(page, ada.name);
    await page.locator(".shell").waitFor();
    let gone = true;
    let documents = 0;
    page.on("request", (request) => request.isNavigationRequest() && documents++);
    await page.route("**/assets/SettingsScreen-*.js", (route) =>
      gone ? route.fulfill({ status: 404 }) : route.continue(),
    );
    await page.click("[href='/settings']");
    await expect.poll(() => documents).toBe(1);
    gone = false;
    await page.locator(".shell").waitFor();
    await page.click("[href='/settings']");
    await page.locator(".page .out").waitFor();
    await page.context().close();
  });
});
