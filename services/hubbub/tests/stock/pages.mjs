// The five example pages, each in two browsers on two gateways.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";
import { PATIENCE, settings } from "./client.mjs";

const { urls, tokens } = settings;
const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);

/** Waits until a list, or whatever has this id, shows a text. */
const shows = (page, id, text) => page.locator(`#${id}`, { hasText: text }).waitFor();

async function say(page, id, text) {
  await page.fill(`#${id}`, text);
  await page.press(`#${id}`, "Enter");
}

const pages = {
  async broadcast(one, two) {
    for (const page of [one, two]) await shows(page, "lines", "connected");
    await say(one, "text", "good morning");
    for (const page of [one, two]) await shows(page, "lines", "good morning-用户:");
    await say(two, "text", "<b>not bold</b>");
    await shows(one, "lines", "<b>not bold</b>");
  },

  async lobby(one, two) {
    for (const page of [one, two]) await shows(page, "name", "guest-");
    await one.waitForFunction(() => Number(document.getElementById("count").textContent) >= 2);
    await say(one, "nickname", "Ann");
    for (const page of [one, two]) await shows(page, "lines", "Ann is here");
    await say(two, "nickname", "ANN");
    await shows(two, "refused", "ANN is taken");
    await say(one, "text", "hello from Ann");
    await shows(two, "lines", "Ann: hello from Ann");
    const colors = await Promise.all(
      [one, two].map((page) => page.locator("li", { hasText: "hello from Ann" }).evaluate((item) => item.style.borderColor)),
    );
    assert.ok(colors[0] && colors[0] === colors[1], `one colour everywhere: ${colors}`);
  },

  async private(one, two) {
    await say(one, "nickname", "Cleo");
    await shows(one, "state", "logged in as Cleo");
    await say(two, "nickname", "Dan");
    await shows(two, "state", "logged in as Dan");
    await one.fill("#to", "dan");
    await say(one, "text", "for you alone");
    await shows(two, "lines", "Cleo to you: for you alone");
    await one.fill("#to", "nobody");
    await say(one, "text", "anybody?");
    await shows(one, "lines", "nobody is called nobody");
    const dot = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");
    await one.setInputFiles("#picture", { name: "dot.png", mimeType: "image/png", buffer: dot });
    const image = two.locator("#lines img");
    await image.waitFor();
    await two.waitForFunction(() => document.querySelector("#lines img").naturalWidth === 1);
    // Nobody says anything any more: both have to go.
    for (const page of [one, two]) await shows(page, "state", "disconnected");
  },

  async rooms(one, two) {
    for (const page of [one, two]) {
      await shows(page, "lines", "connected");
      await say(page, "room", "red");
      await shows(page, "lines", "Joined red");
    }
    await one.fill("#where", "red");
    await say(one, "text", "in red");
    await shows(two, "lines", "in red");
    await one.fill("#where", "");
    await say(one, "text", "to all");
    await shows(two, "lines", "to all");
    await say(one, "token", "not a token");
    await shows(one, "chat", "unauthenticated:");
    await say(one, "token", tokens.alice);
    await shows(one, "chat", "in /chat as");
  },

  async messenger(one, two) {
    await say(one, "token", tokens.alice);
    await say(two, "token", tokens.bob);
    for (const page of [one, two]) await shows(page, "state", "connected");
    await say(one, "receiver", "bob");
    await shows(one, "with", "bob");
    for (let number = 0; number < 40; number++) {
      await say(one, "text", `line ${number}`);
      await shows(one, "lines", `line ${number}`);
    }
    await two.locator("#chats button", { hasText: "alice" }).or(two.locator("#receiver")).first().waitFor();
    await say(two, "receiver", "alice");
    await shows(two, "with", "alice");
    await shows(two, "lines", "alice: line 39");
    assert.equal(await two.locator("#lines li").count(), 30, "a page has 30 messages");
    await two.locator("#lines").evaluate((list) => (list.scrollTop = 0));
    await shows(two, "lines", "alice: line 0");
    if (settings.typing) {
      await two.locator("#text").pressSequentially("I am writing");
      await shows(one, "typing", "bob is typing");
      // Steady typing is shown for as long as it lasts: longer than the 6 s after which it ends unsaid.
      await two.locator("#text").pressSequentially("and I go on writing for eight seconds ...", { delay: 200 });
      assert.equal(await one.locator("#typing").innerText(), "bob is typing…");
    }
    await say(two, "text", "and an answer");
    await shows(one, "lines", "bob: and an answer");
    await shows(one, "chats", "bob: and an answer");
  },
};

async function main() {
  assert.ok(executablePath, "Chromium is missing: `cargo xtask test` brings it");
  const args = ["--no-sandbox", "--disable-background-networking", "--disable-dev-shm-usage", "--disable-gpu"];
  const browsers = await Promise.all(urls.map(() => chromium.launch({ executablePath, args, headless: true })));
  try {
    for (const [name, drive] of Object.entries(pages)) {
      const problems = [];
      const open = async (browser, at) => {
        const page = await browser.newPage();
        page.setDefaultTimeout(PATIENCE);
        page.on("pageerror", (error) => problems.push(error));
        await page.goto(`${urls[at]}/examples/${name}.html`);
        return page;
      };
      const [one, two] = await Promise.all(browsers.map(open));
      try {
        await drive(one, two);
      } catch (error) {
        const seen = await Promise.all([one, two].map((page) => page.locator("body").innerText()));
        throw new Error(`${name}: ${error.message}\nseen: ${seen.join("\n----\n")}`);
      }
      assert.deepEqual(problems, [], name);
      await Promise.all([one.close(), two.close()]);
      console.log(`${name} works`);
    }
  } finally {
    await Promise.all(browsers.map((browser) => browser.close()));
  }
  console.log("passed");
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
