/** Pages in Chromium that load the built package as it is, over plain `<script type="module">`. */

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import type { Client, Grant } from "../src/index.js";

const BROWSERS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const dist = fileURLToPath(new URL("../dist/", import.meta.url));

/** What a page of `Pages` has. */
export interface Sdk {
  client: Client;
  errors: string[];
}

declare global {
  // eslint-disable-next-line no-var
  var sdk: Sdk;
}

export class Pages {
  readonly origin: string;
  readonly #server: Server;
  #browser: Browser | undefined;

  private constructor(server: Server) {
    this.#server = server;
    this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** Serves the package; `origin` is known before the server under test has to allow it. */
  static async serve(): Promise<Pages> {
    if (!existsSync(`${dist}index.js`)) throw new Error("dist/ is missing: npm run build");
    const server = createServer((request, response) => {
      const path = new URL(request.url ?? "/", "http://x").pathname;
      void answer(path).then(([status, type, text]) => {
        response.writeHead(status, { "content-type": type, "cache-control": "no-store" });
        response.end(text);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new Pages(server);
  }

  async context(grant?: Grant): Promise<BrowserContext> {
    this.#browser ??= await chromium.launch({
      executablePath: BROWSERS.find((path) => existsSync(path)) ?? "chromium",
      args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
    });
    const context = await this.#browser.newContext();
    const kept = JSON.stringify({ grant, at: Date.now() });
    await context.addInitScript(
      (text) => localStorage.getItem("hubbub.grant") ?? localStorage.setItem("hubbub.grant", text),
      kept,
    );
    return context;
  }

  get browser(): Browser {
    return this.#browser as Browser;
  }

  /** A page with a client on it. */
  async open(
    context: BrowserContext,
    gateway: string,
    tabs: string,
    entry = "index.js",
  ): Promise<Page> {
    const page = await context.newPage();
    await page.goto(`${this.origin}/?${new URLSearchParams({ gateway, tabs, entry }).toString()}`);
    await page.waitForFunction(() => globalThis.sdk?.client.state.get().state === "live");
    return page;
  }

  async close(): Promise<void> {
    await this.#browser?.close();
    this.#server.close();
  }
}

const PAGE = `<!doctype html><title>sdk</title><script type="module">
const query = new URLSearchParams(location.search);
const { createAuth, createClient } = await import("/dist/" + query.get("entry"));
const session = createAuth({ url: query.get("gateway"), storage: localStorage }).restore();
const errors = [];
addEventListener("error", (event) => errors.push(String(event.message)));
const client = createClient({ url: query.get("gateway"), session, tabs: query.get("tabs"), backoff: { max: 500 } });
globalThis.sdk = { client, errors };
</script>`;

async function answer(path: string): Promise<[number, string, string | Buffer]> {
  if (path === "/") return [200, "text/html", PAGE];
  const file = path.replace(/^\/dist\//, "");
  if (file.includes("..")) return [404, "text/plain", ""];
  try {
    return [200, "text/javascript", await readFile(dist + file)];
  } catch {
    return [404, "text/plain", ""];
  }
}
