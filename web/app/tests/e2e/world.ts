/** People in browsers, and people who speak REST. */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium, type Browser, type BrowserContextOptions, type Page } from "playwright-core";
import { inject } from "vitest";

export const url = inject("url");
const PASSWORD = "correct horse battery";
const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(
  (path) => existsSync(path),
);

export const WIDE = { width: 1280, height: 800 };
export const NARROW = { width: 390, height: 844 };
export const phone: BrowserContextOptions = { viewport: NARROW, hasTouch: true, isMobile: true };

export async function launch(): Promise<Browser> {
  if (!executablePath) throw new Error("Chromium is missing: `cargo xtask test` brings it");
  const args = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
  ];
  return chromium.launch({ executablePath, args });
}

let people = 0;
/** A name that nobody else in this run has. */
export function fresh(name: string): string {
  return `${name}-${process.pid}-${++people}`;
}

async function rest(
  method: string,
  path: string,
  token?: string,
  body?: unknown,
): Promise<Record<string, unknown>> {
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (token) headers["authorization"] = `Bearer ${token}`;
  const response = await fetch(url + path, {
    method,
    headers,
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Record<string, unknown>;
}

/** Somebody without a browser. */
export class Speaker {
  #count = 0;
  private constructor(
    readonly name: string,
    readonly token: string,
  ) {}

  static async register(name: string, displayName = name): Promise<Speaker> {
    const account = { name, password: PASSWORD, display_name: displayName };
    const { access_token } = await rest("POST", "/v1/auth/register", undefined, account);
    return new Speaker(name, String(access_token));
  }
  async direct(peer: string): Promise<string> {
    return String((await rest("POST", "/v1/rooms/direct", this.token, { peer }))["room"]);
  }
  async create(name: string, members: readonly string[], kind = "group"): Promise<string> {
    return String((await rest("POST", "/v1/rooms", this.token, { name, kind, members }))["room"]);
  }
  async say(room: string, text: string, more: object = {}): Promise<number> {
    const body = { client_id: `${process.pid}-${++this.#count}`, body: { text, ...more } };
    return Number((await rest("POST", `/v1/rooms/${room}/messages`, this.token, body))["seq"]);
  }
  async block(user: string): Promise<void> {
    await rest("PUT", `/v1/blocks/${user}`, this.token);
  }
  async read(room: string, seq: number): Promise<void> {
    await rest("PUT", `/v1/rooms/${room}/read`, this.token, { seq });
  }
}

/** A page whose errors fail the test that made it. */
export async function open(
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<{ page: Page; problems: string[] }> {
  const context = await browser.newContext({ viewport: WIDE, locale: "en", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(String(error.stack)));
  page.on("console", (message) => {
    // A refusal that the page explains is logged by the browser all the same.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource"))
      problems.push(message.text());
  });
  return { page, problems };
}

export async function register(page: Page, name: string, displayName: string): Promise<void> {
  await page.goto(`${url}/sign-in?as=register`);
  await page.fill("[name=username]", name);
  await page.fill("[name=name]", displayName);
  await page.fill("[name=password]", PASSWORD);
  await page.click("form .button");
  await page.waitForURL((at) => !at.pathname.startsWith("/sign-in"));
}

export async function login(page: Page, name: string, path = "/"): Promise<void> {
  await page.goto(`${url}/sign-in?as=login&next=${encodeURIComponent(path)}`);
  await page.fill("[name=username]", name);
  await page.fill("[name=password]", PASSWORD);
  await page.click("form .button");
  await page.waitForURL((at) => at.pathname === path.split("?")[0]);
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe-core finds serious or critical on a page. */
export async function findings(page: Page): Promise<string[]> {
  // By the debugger: the page's policy lets no script in otherwise.
  await page.evaluate(axeSource);
  return page.evaluate(async () => {
    type Result = {
      violations: { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[];
    };
    const { axe } = globalThis as unknown as { axe: { run(): Promise<Result> } };
    const { violations } = await axe.run();
    const bad = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
    return bad.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)} ${failureSummary}`),
    );
  });
}

/** What is wider than the window, and controls that are too small to hit. */
export async function misfits(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const SMALLEST = 24;
    const found: string[] = [];
    const root = document.documentElement;
    if (root.scrollWidth > root.clientWidth) found.push(`the page is ${root.scrollWidth} px wide`);
    for (const control of document.querySelectorAll<HTMLElement>(
      "a[href], button, input, select, textarea, [role=menuitem]",
    )) {
      const { width, height, right, left } = control.getBoundingClientRect();
      if (!control.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || width === 0)
        continue;
      if (control.closest(".hidden-visually, .markdown")) continue;
      const name = control.outerHTML.slice(0, 120);
      // The circle of a colour belongs to its label.
      const target = control.closest("label")?.getBoundingClientRect() ?? { width, height };
      if (Math.max(width, target.width) < SMALLEST || Math.max(height, target.height) < SMALLEST) {
        found.push(`${Math.round(width)} x ${Math.round(height)} px: ${name}`);
      }
      if (right > innerWidth + 1 || left < -1) found.push(`beyond the edge: ${name}`);
    }
    for (const button of document.querySelectorAll<HTMLElement>("button, .button, .segments > *")) {
      if (button.scrollWidth > button.clientWidth + 1 && !button.querySelector(".ellipsis")) {
        found.push(`cut off: ${button.outerHTML.slice(0, 120)}`);
      }
    }
    return found;
  });
}
