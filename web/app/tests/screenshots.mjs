// Draws the pictures of docs/web-client.md: `node tests/screenshots.mjs http://127.0.0.1:8080`, against a `hubbub` with
// fresh data. It needs ImageMagick.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const url = process.argv[2] ?? "http://127.0.0.1:8080";
const out = fileURLToPath(new URL("../../../docs/images/web-client/", import.meta.url));
const raw = mkdtempSync(join(tmpdir(), "hubbub-pictures-"));
const PASSWORD = "correct horse";
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function call(method, path, token, body) {
  const headers = {
    "content-type": "application/json",
    ...(token ? { authorization: `Bearer ${token}` } : {}),
  };
  const response = await fetch(url + path, {
    method,
    headers,
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const answer = await response.json().catch(() => ({}));
  if (response.status === 429) {
    await wait(answer.error?.retry_after_ms ?? 500);
    return call(method, path, token, body);
  }
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`);
  return answer;
}

const tokens = {};
for (const [name, display_name, colour] of [
  ["ada", "Ada Lovelace", "#8440b5"],
  ["bob", "Bob 王小明", "#2e5fb8"],
  ["chiayi", "陳佳怡", "#b3402a"],
  ["zhangwei", "张伟", "#0f7a5c"],
  ["grace", "Grace Hopper", "#a35a00"],
  ["salma", "سلمى الأحمد", "#a8327e"],
]) {
  const grant = await call("POST", "/v1/auth/register", undefined, {
    name,
    password: PASSWORD,
    display_name,
  });
  tokens[name] = grant.access_token;
  await call("PATCH", "/v1/me", tokens[name], { colour });
}
let count = 0;
const say = (who, room, text, more = {}) =>
  call("POST", `/v1/rooms/${room}/messages`, tokens[who], {
    client_id: String(++count),
    body: { text, ...more },
  });
const direct = async (one, other) =>
  (await call("POST", "/v1/rooms/direct", tokens[one], { peer: other })).room;
const react = (who, room, seq, emoji) =>
  call("PUT", `/v1/rooms/${room}/messages/${seq}/reactions/${encodeURIComponent(emoji)}`, tokens[who]);

const pub = (
  await call("POST", "/v1/rooms", tokens.grace, {
    name: "rust-taiwan",
    kind: "public",
    topic: "Rust 中文討論",
  })
).room;
await call("POST", `/v1/rooms/${pub}/join`, tokens.ada);
await say("grace", pub, "borrow checker 又教我做人了 😂");
for (const [who, text] of [
  ["salma", "شكرا جزيلا"],
  ["grace", "Nice work on the release!"],
  ["zhangwei", "代码我推上去了，有空看一下"],
  ["chiayi", "記得帶電腦 💻"],
]) {
  await say(who, await direct(who, "ada"), text);
}
const bob = await direct("ada", "bob");
for (const [who, text] of [
  ["ada", "早安！昨天的 demo 你看了嗎？"],
  ["bob", "看了，訊息斷線之後全部都補回來，順序也沒亂 👏"],
  ["ada", "Reconnect took about **two seconds** here."],
  ["bob", "那個 `resume` 真的很順。https://socket.io/docs/v4/，我們之前用輪詢每三秒打一次 😅"],
  ["ada", "哈哈哈"],
  ["bob", "I'll write it up tonight:\n\n1. kill a gateway\n2. keep typing\n3. nothing is lost"],
]) {
  await say(who, bob, text);
}
await react("ada", bob, 2, "🎉");
await say("ada", bob, "太好了。順便測一下手機版？", { reply_to: 6 });
await call("PUT", `/v1/rooms/${bob}/read`, tokens.bob, { seq: 7 });
const members = ["bob", "chiayi", "zhangwei", "grace", "salma"];
const room = { name: "週五聚餐 🍜", kind: "group", topic: "拉麵還是火鍋？", members };
const group = (await call("POST", "/v1/rooms", tokens.ada, room)).room;
for (const [who, text, more] of [
  ["chiayi", "這週五大家想吃什麼？"],
  ["zhangwei", "火锅吧，天冷了"],
  ["bob", "我投拉麵 🍥"],
  ["grace", "Either is fine. I can be there at 18:30."],
  ["salma", "سأكون هناك في الساعة السابعة"],
  ["chiayi", "訂好了：~~18:00~~ **18:30**，六位"],
  ["zhangwei", "🎉"],
  ["chiayi", "@ada 你可以嗎？", { mentions: ["ada"] }],
]) {
  await say(who, group, text, more);
}

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu"],
});
async function visit(options, path, name) {
  const context = await browser.newContext({ reducedMotion: "reduce", ...options });
  // The question about notifications is asked once; the pictures are of all other days.
  await context.addInitScript(() => localStorage.setItem("hubbub.settings", '{"askedToNotify":true}'));
  const page = await context.newPage();
  await page.goto(`${url}/sign-in?as=login&next=${encodeURIComponent(path)}`);
  await page.fill("[name=username]", name);
  await page.fill("[name=password]", PASSWORD);
  await page.click("form .button");
  await page.waitForURL((at) => !at.pathname.startsWith("/sign-in"));
  await wait(2500);
  return page;
}
const shot = (page, name) => page.screenshot({ path: join(raw, `${name}.png`) });
const wide = { viewport: { width: 1280, height: 800 } };
const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

const guest = await (
  await browser.newContext({ ...wide, locale: "zh-TW", reducedMotion: "reduce" })
).newPage();
await guest.goto(`${url}/sign-in`);
await wait(800);
await shot(guest, "sign-in");
const other = await visit(wide, `/r/${bob}`, "bob");
const one = await visit({ ...wide, locale: "zh-TW" }, `/r/${bob}`, "ada");
await one.mouse.move(10, 10);
await other.locator("textarea").pressSequentially("好", { delay: 50 });
await wait(1200);
await shot(one, "conversation");
await one.goto(`${url}/r/${group}`);
await wait(1000);
await one.locator(".pane-head .icon-button").last().click();
await wait(1000);
await shot(one, "details");
const dark = await visit({ ...wide, locale: "zh-CN", colorScheme: "dark" }, `/r/${group}`, "ada");
await shot(dark, "conversation-dark");
const english = await visit({ ...wide, locale: "en" }, "/settings", "ada");
await shot(english, "settings");
for (const [index, [path, colorScheme, locale]] of [
  ["/", "light", "zh-TW"],
  [`/r/${group}`, "light", "zh-TW"],
  [`/r/${bob}`, "dark", "en"],
  ["/new/public", "dark", "zh-CN"],
].entries()) {
  await shot(await visit({ ...phone, colorScheme, locale }, path, "ada"), `phone-${index}`);
}
await browser.close();

mkdirSync(out, { recursive: true });
const png = (name) => join(raw, `${name}.png`);
for (const name of ["sign-in", "conversation", "details", "conversation-dark", "settings"]) {
  execFileSync("convert", [png(name), "-resize", "960x", "-quality", "72", join(out, `${name}.webp`)]);
}
const phones = [0, 1, 2, 3].map((index) => png(`phone-${index}`));
execFileSync("montage", [
  ...phones,
  "-tile",
  "4x1",
  "-geometry",
  "300x+6+6",
  "-quality",
  "72",
  join(out, "phone.webp"),
]);
