/** Every page that we ship, at both widths: nothing overflows, nothing is too small, nothing serious for axe-core. */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findings, fresh, launch, login, misfits, open, phone, Speaker, url } from "./world";

let browser: Browser;
let ada: Speaker;
let group: string;
let direct: string;

beforeAll(async () => {
  browser = await launch();
  ada = await Speaker.register(fresh("ada"), "Ada Lovelace");
  const bob = await Speaker.register(fresh("bob"), "Hubert Wolfeschlegelsteinhausenbergerdorff Senior");
  group = await ada.create("週五聚餐 🍜 with a name that is far too long for the row that it stands in", [
    bob.name,
  ]);
  await ada.create(fresh("public"), [], "public");
  direct = await ada.direct(bob.name);
  for (const room of [group, direct]) {
    await bob.say(room, "x".repeat(2000));
    await ada.say(room, "```\n" + "code ".repeat(100) + "\n```");
    const seq = await bob.say(room, `@${ada.name} **看** https://example.com/${"long/".repeat(40)}，好嗎？`, {
      mentions: [ada.name],
    });
    await ada.say(room, "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘", { reply_to: seq });
    await bob.say(room, "🎉");
  }
});
afterAll(() => browser.close());

async function check(page: Page, name: string): Promise<void> {
  // What is still coming in is not what people look at.
  await page.evaluate(() => {
    const ending = document
      .getAnimations()
      .filter((one) => one.effect?.getComputedTiming().iterations !== Infinity);
    return Promise.allSettled(ending.map(({ finished }) => finished));
  });
  expect([...(await misfits(page)), ...(await findings(page))].join("\n"), name).toBe("");
}

const screens: Record<string, (page: Page) => Promise<unknown>> = {
  home: async (page) => {
    await page.goto(`${url}/`);
    await page.locator(".link").first().waitFor();
  },
  direct: async (page) => {
    await page.goto(`${url}/r/${direct}`);
    await page.locator("article").getByText("🎉").waitFor();
  },
  group: async (page) => {
    await page.goto(`${url}/r/${group}`);
    await page.locator("article").getByText("🎉").waitFor();
  },
  details: async (page) => {
    await page.goto(`${url}/r/${group}`);
    await page.locator(".pane-head .icon-button").last().click();
    await page.locator(".room-details li").first().waitFor();
  },
  emoji: async (page) => {
    await page.goto(`${url}/r/${direct}`);
    await page.locator(".emoji .icon-button").click();
    await page.locator(".cells button").nth(30).waitFor();
  },
  date: async (page) => {
    await page.goto(`${url}/r/${direct}`);
    await page.locator(".pane-head .icon-button:visible").nth(-2).click();
    await page.locator("dialog input[type=date]").waitFor();
  },
  switcher: async (page) => {
    await page.goto(`${url}/`);
    await page.locator(".link").first().waitFor();
    await page.keyboard.press("Control+k");
    await page.locator("dialog [role=option]").first().waitFor();
  },
  people: async (page) => {
    await page.goto(`${url}/people`);
    await page.locator(".page section h2").first().waitFor();
  },
  search: async (page) => {
    await page.goto(`${url}/new`);
    await page.locator(".page input[type=search]").fill("bob");
    await page.locator(".found").first().waitFor();
  },
  "new group": async (page) => {
    await page.goto(`${url}/new/group`);
    await page.locator(".page form").waitFor();
  },
  "public rooms": async (page) => {
    await page.goto(`${url}/new/public`);
    await page.locator(".page .choice").first().waitFor();
  },
  settings: async (page) => {
    await page.goto(`${url}/settings`);
    await page.locator(".page .out").waitFor();
  },
};

describe.each([
  ["1280 px, light, English", { colorScheme: "light", locale: "en" }],
  ["1280 px, dark, 简体中文", { colorScheme: "dark", locale: "zh-CN" }],
  ["390 px, light, 繁體中文", { ...phone, colorScheme: "light", locale: "zh-TW" }],
  ["390 px, dark, English", { ...phone, colorScheme: "dark", locale: "en" }],
] as const)("%s", (_name, options) => {
  it("the client's screens", async () => {
    const { page, problems } = await open(browser, { ...options, reducedMotion: "reduce" });
    for (const way of ["guest", "login", "register"]) {
      await page.goto(`${url}/sign-in?as=${way}`);
      await page.locator("form").waitFor();
      await check(page, way);
    }
    await login(page, ada.name);
    for (const [name, show] of Object.entries(screens)) {
      await show(page);
      await check(page, name);
    }
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it("the examples", async () => {
    const { page } = await open(browser, options);
    for (const name of ["index", "broadcast", "lobby", "private", "rooms", "messenger"]) {
      await page.goto(`${url}/examples/${name}.html`);
      if (name === "lobby") await page.locator("#name", { hasText: "guest-" }).waitFor();
      if (name === "broadcast") await page.locator("li", { hasText: "connected" }).waitFor();
      await check(page, name);
      const field = page.locator("input:not([type=file])").first();
      if (await field.count()) expect((await field.boundingBox())?.width, name).toBeGreaterThan(100);
    }
    await page.context().close();
  });
});
