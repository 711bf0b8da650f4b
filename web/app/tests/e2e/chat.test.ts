/** Two people, one of them at a phone, do what people do in a chat. */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fresh, launch, login, open, phone, register, Speaker, url } from "./world";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

const message = (page: Page, text: string) => page.locator("article", { hasText: text }).last();
async function say(page: Page, text: string): Promise<void> {
  await page.fill("textarea", text);
  await page.press("textarea", "Enter");
  await message(page, text).waitFor();
}

describe("two people", () => {
  it("register, find each other, chat, and see typing and ticks", async () => {
    const [ada, bob] = [fresh("ada"), fresh("bob")];
    const { page: one, problems } = await open(browser);
    const { page: two, problems: others } = await open(browser, phone);
    await register(one, ada, "Ada");
    await register(two, bob, "Bob 王");

    await one.click("[href='/new']");
    await one.locator(".page input[type=search]").fill(bob);
    await one.locator(".found button").first().click();
    await one.locator("textarea").waitFor();
    await one.fill("textarea", "哈囉 **Bob**");
    await one.press("textarea", "Enter");
    expect(await message(one, "哈囉").locator("strong").innerText()).toBe("Bob");

    // A phone shows one pane at a time: the list, then the conversation.
    await two.locator(".row", { hasText: "Ada" }).locator(".badge", { hasText: "1" }).waitFor();
    expect(await two.title()).toBe("(1) hubbub");
    await two.locator(".row .link").first().click();
    await message(two, "哈囉").waitFor();
    await message(one, "哈囉").locator(".status.read").waitFor();
    await two.waitForFunction(() => document.title === "hubbub");

    // As long as one types: a word about it is ephemeral, the next one tells the same.
    const typing = two.locator("textarea").pressSequentially("I am writing for a while", { delay: 250 });
    await one.locator(".subtitle.typing", { hasText: "typing" }).waitFor();
    await one.locator(".row .typing", { hasText: "typing" }).waitFor();
    await typing;
    await two.press("textarea", "Enter");
    await message(one, "I am").waitFor();
    await one.locator(".subtitle", { hasText: "Online" }).waitFor();

    expect(problems).toEqual([]);
    expect(others).toEqual([]);
    await Promise.all([one.context().close(), two.context().close()]);
  });

  it("edit, reply, react and delete", async () => {
    const ada = await Speaker.register(fresh("ada"), "Ada");
    const bob = await Speaker.register(fresh("bob"), "Bob");
    const room = await ada.direct(bob.name);
    await ada.say(room, "first words");
    await bob.say(room, "an answer");
    const { page: one } = await open(browser);
    const { page: two } = await open(browser);
    await login(one, ada.name, `/r/${room}`);
    await login(two, bob.name, `/r/${room}`);

    // The arrow up edits what one said last.
    await message(one, "an answer").waitFor();
    await one.press("textarea", "ArrowUp");
    await expect.poll(() => one.inputValue("textarea")).toBe("first words");
    await one.fill("textarea", "better words");
    await one.press("textarea", "Enter");
    await message(two, "better words").getByText("edited").waitFor();

    await message(one, "an answer").hover();
    await one.locator(".actions button[aria-label='Reply']").click();
    await say(one, "I agree");
    await message(two, "I agree").locator(".quote", { hasText: "an answer" }).waitFor();

    await message(two, "I agree").hover();
    await two.locator(".actions .quick").first().click();
    await message(one, "I agree").locator(".reactions button").waitFor();
    await message(two, "I agree").locator(".reactions button[aria-pressed=true]").click();
    await message(one, "I agree").locator(".reactions button").waitFor({ state: "detached" });

    await message(two, "I agree").hover();
    await two.locator(".actions [aria-haspopup=menu]").click();
    await two.locator("[role=menuitem]", { hasText: "React…" }).click();
    await two.locator("dialog input").fill("octopus");
    await two.locator("dialog .cells button").first().click();
    await message(one, "I agree").locator(".reactions", { hasText: "🐙" }).waitFor();

    // By the keyboard alone.
    await message(one, "I agree").focus();
    await one.keyboard.press("Enter");
    await one.locator("[role=menuitem]", { hasText: "Delete" }).click();
    await one.locator("dialog .danger").click();
    await message(two, "This message was deleted").waitFor();
    await Promise.all([one.context().close(), two.context().close()]);
  });

  it("a long press opens a message's actions on a phone", async () => {
    const ada = await Speaker.register(fresh("ada"), "Ada");
    const bob = await Speaker.register(fresh("bob"), "Bob");
    const room = await ada.direct(bob.name);
    await bob.say(room, "press me");
    await bob.say(room, "and below");
    const { page } = await open(browser, phone);
    await login(page, ada.name, `/r/${room}`);
    await message(page, "press me")
      .locator(".bubble")
      .dispatchEvent("contextmenu", { bubbles: true, cancelable: true });
    await page.locator("[role=menuitem]", { hasText: "Reply" }).tap();
    await page.locator(".about", { hasText: "press me" }).waitFor();
    await page.context().close();
  });

  it("what one writes is never HTML for the other", async () => {
    const ada = await Speaker.register(fresh("ada"), "<img src=x onerror=alert(1)>");
    const bob = await Speaker.register(fresh("bob"));
    const room = await ada.create("<script>alert(1)</script>", [bob.name]);
    await ada.say(room, "<img src=x onerror=alert(1)> [x](javascript:alert(1)) <b>bold</b>");
    const { page, problems } = await open(browser);
    page.on("dialog", (dialog) => problems.push(dialog.message()));
    await login(page, bob.name, `/r/${room}`);
    await message(page, "bold").waitFor();
    expect(await message(page, "bold").innerText()).toContain("<b>bold</b>");
    expect(await message(page, "bold").locator("a, b, img").count()).toBe(0);
    expect(problems).toEqual([]);
    await page.context().close();
  });
});

describe("the composer", () => {
  it("does not send while an input method composes, in either order of events", async () => {
    const ada = await Speaker.register(fresh("ada"));
    const bob = await Speaker.register(fresh("bob"));
    const room = await ada.direct(bob.name);
    const { page } = await open(browser, { locale: "zh-TW" });
    await login(page, ada.name, `/r/${room}`);
    const press = (more: object) =>
      page.locator("textarea").evaluate((field, init) => {
        const event = new KeyboardEvent("keydown", {
          key: "Enter",
          bubbles: true,
          cancelable: true,
          ...init,
        });
        if ("keyCode" in init) Object.defineProperty(event, "keyCode", { value: init.keyCode });
        field.dispatchEvent(event);
        return event.defaultPrevented;
      }, more);
    await page.fill("textarea", "ㄋㄧˇ");
    expect(await press({ isComposing: true, keyCode: 229 })).toBe(false);
    // Safari: the composition has ended by then, the key code has not.
    expect(await press({ isComposing: false, keyCode: 229 })).toBe(false);
    expect(await page.inputValue("textarea")).toBe("ㄋㄧˇ");
    expect(await page.locator("article").count()).toBe(0);
    await page.fill("textarea", "你好");
    expect(await press({ keyCode: 13 })).toBe(true);
    await message(page, "你好").waitFor();

    // A real composition, as the browser makes it.
    const session = await page.context().newCDPSession(page);
    await page.focus("textarea");
    await session.send("Input.imeSetComposition", { text: "ㄏㄠ", selectionStart: 2, selectionEnd: 2 });
    await page.keyboard.press("Escape");
    await session.send("Input.insertText", { text: "好" });
    await page.keyboard.press("Enter");
    await message(page, "好").waitFor();
    await page.context().close();
  });

  it("keeps drafts over a reload and marks them in the list", async () => {
    const ada = await Speaker.register(fresh("ada"));
    const bob = await Speaker.register(fresh("bob"));
    const room = await ada.direct(bob.name);
    const { page } = await open(browser);
    await login(page, ada.name, `/r/${room}`);
    await page.fill("textarea", "half a thought");
    await page.goto(`${url}/`);
    await page.locator(".draft").waitFor();
    expect(await page.locator(".row .last").innerText()).toBe("Draft: half a thought");
    await page.reload();
    await page.locator(".row .link").click();
    await expect.poll(() => page.inputValue("textarea")).toBe("half a thought");
    await page.context().close();
  });

  it("completes names, and tells the one who is named", async () => {
    const ada = await Speaker.register(fresh("ada"), "Ada");
    const bob = await Speaker.register(fresh("bob"), "Robert");
    const room = await ada.create("names", [bob.name]);
    const { page } = await open(browser);
    const { page: other } = await open(browser);
    await login(other, bob.name);
    await login(page, ada.name, `/r/${room}`);
    await page.locator("textarea").pressSequentially("hi @rob");
    await page.locator("[role=option]", { hasText: "Robert" }).waitFor();
    await page.press("textarea", "Enter");
    expect(await page.inputValue("textarea")).toBe(`hi @${bob.name} `);
    await page.press("textarea", "Enter");
    await page.locator("article .mention", { hasText: "@Robert" }).waitFor();
    await other.locator(".row .badge.at").waitFor();
    await Promise.all([page.context().close(), other.context().close()]);
  });
});

describe("coming and going", () => {
  it("a link opens after sign-in, and signing out leaves nothing behind", async () => {
    const ada = await Speaker.register(fresh("ada"));
    const bob = await Speaker.register(fresh("bob"));
    const room = await ada.direct(bob.name);
    for (let count = 1; count <= 80; count++) await ada.say(room, `line ${count}`);
    const { page } = await open(browser);
    await page.goto(`${url}/r/${room}/12`);
    await page.waitForURL(/sign-in/);
    await login(page, bob.name, `/r/${room}/12`);
    const line = page.locator("[data-seq='12']");
    await line.waitFor();
    await expect
      .poll(() =>
        line.evaluate(
          (row) => row.getBoundingClientRect().top > 0 && row.getBoundingClientRect().bottom < innerHeight,
        ),
      )
      .toBe(true);
    await page.fill("textarea", "a draft that nobody else may find");

    await page.goto(`${url}/settings`);
    await page.locator(".out .button", { hasText: "Log out" }).first().click();
    await page.waitForURL(/sign-in/);
    const left = () =>
      page.evaluate(async () => {
        const rows = async (name: string) => {
          const database = await new Promise<IDBDatabase>((resolve, reject) => {
            const opening = indexedDB.open(name);
            opening.addEventListener("success", () => resolve(opening.result));
            opening.addEventListener("error", () => reject(new Error("it does not open")));
          });
          const counts = [...database.objectStoreNames].map(
            (store) =>
              new Promise<number>((resolve) => {
                const counting = database.transaction(store).objectStore(store).count();
                counting.addEventListener("success", () => resolve(counting.result));
              }),
          );
          const sum = (await Promise.all(counts)).reduce((one, other) => one + other, 0);
          database.close();
          return sum > 0 ? [name] : [];
        };
        const databases = (await indexedDB.databases()).flatMap(({ name }) => (name ? [rows(name)] : []));
        const keys = Object.keys(localStorage).filter((key) => key !== "hubbub.settings");
        return [...keys, ...(await Promise.all(databases)).flat()];
      });
    await expect.poll(left, { timeout: 10_000 }).toEqual([]);
    await page.goto(`${url}/r/${room}`);
    await page.waitForURL(/sign-in/);
    await page.context().close();
  });

  it("a nickname is enough", async () => {
    const { page } = await open(browser);
    await page.goto(`${url}/`);
    await page.fill("[name=nickname]", fresh("小明"));
    await page.click("form .button");
    await page.locator(".shell").waitFor();
    await page.reload();
    await page.locator(".shell").waitFor();
    await page.context().close();
  });

  it("wrong passwords are explained in the language on the screen", async () => {
    const { page } = await open(browser, { locale: "zh-CN" });
    await page.goto(`${url}/sign-in?as=login`);
    await page.fill("[name=username]", fresh("nobody"));
    await page.fill("[name=password]", "wrong password");
    await page.click("form .button");
    await page.getByRole("alert").getByText("名称或密码不正确。").waitFor();
    await page.locator("select").selectOption("en");
    await page.getByRole("button", { name: "Log in" }).waitFor();
    await page.context().close();
  });
});
