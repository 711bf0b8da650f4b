/** The package as others get it: packed, installed, imported, bundled, judged. */

import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompressSync } from "node:zlib";
import { build, type Rolldown } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const run = promisify(execFile);
const root = fileURLToPath(new URL("..", import.meta.url));
let scratch: string;
let tarball: string;

beforeAll(async () => {
  scratch = await mkdtemp(`${tmpdir()}/hubbub-package-`);
  await run("npm", ["pack", "--silent", "--pack-destination", scratch], { cwd: root });
  tarball = `${scratch}/${(await readdir(scratch)).find((name) => name.endsWith(".tgz"))}`;
  await writeFile(
    `${scratch}/package.json`,
    JSON.stringify({ name: "app", type: "module", private: true }),
  );
  await run("npm", ["install", "--offline", "--no-audit", "--no-fund", tarball], { cwd: scratch });
}, 120_000);
afterAll(() => rm(scratch, { recursive: true, force: true }));

/** Bundles an app of these lines; gives its chunks. */
async function bundle(source: string): Promise<Rolldown.OutputChunk[]> {
  await writeFile(`${scratch}/app.js`, source);
  const rolldownOptions = {
    input: `${scratch}/app.js`,
    preserveEntrySignatures: "strict" as const,
  };
  const result = await build({
    root: scratch,
    configFile: false,
    logLevel: "error",
    build: { write: false, target: "es2022", rolldownOptions },
    worker: { format: "es" },
  });
  return (result as Rolldown.RolldownOutput).output.filter((output) => output.type === "chunk");
}

describe("the packed package", () => {
  test("has nothing but what is built, and no dependencies", async () => {
    const { stdout } = await run("tar", ["-tzf", tarball]);
    const files = stdout.trim().split("\n");
    expect(
      files.filter((file) => !/^package\/(dist\/|README\.md$|package\.json$)/.test(file)),
    ).toEqual([]);
    const manifest = JSON.parse(await readFile(`${root}package.json`, "utf8")) as Record<
      string,
      unknown
    >;
    expect(manifest["dependencies"] ?? {}).toEqual({});
  });

  test("runs in Node, where its types and files are found", async () => {
    const script = `
      import { createAuth, createClient, HubbubError, memoryStore } from "@hubbub/client";
      const session = { user: "ada", getToken: () => "t" };
      class Dead { readyState = 3; constructor() { setTimeout(() => this.onclose({ code: 1006, reason: "" })); } send() {} close() {} }
      const client = createClient({ url: "http://127.0.0.1:1", session, websocket: Dead });
      client.on("state", ({ state }) => { if (state === "waiting") { client.close(); console.log(typeof createAuth, HubbubError.name, state); } });`;
    await writeFile(`${scratch}/node.mjs`, script);
    expect((await run(process.execPath, ["node.mjs"], { cwd: scratch })).stdout).toBe(
      "function HubbubError waiting\n",
    );
  });

  test("is split by a bundler: a page that shares a worker loads neither hub nor core", async () => {
    const chunks = await bundle(
      'import { createClient } from "@hubbub/client"; export const client = (options) => createClient(options);',
    );
    const entry = chunks.find((chunk) => chunk.isEntry);
    expect(entry?.code).toMatch(/new SharedWorker\(new URL\(/);
    // Only the hub opens sockets.
    expect(entry?.code).not.toContain("hubbub.v1+json");
    expect(chunks.some((chunk) => chunk.isDynamicEntry)).toBe(true);
    const first = chunks.filter(
      (chunk) => chunk === entry || entry?.imports.includes(chunk.fileName),
    );
    const size = brotliCompressSync(first.map(({ code }) => code).join("")).length;
    expect(size).toBeLessThan(15 * 1024);
  });

  test("is shaken by a bundler: who signs in only gets only that", async () => {
    const chunks = await bundle(
      'import { createAuth } from "@hubbub/client"; export const auth = (url) => createAuth({ url });',
    );
    expect(chunks).toHaveLength(1);
    expect(brotliCompressSync(chunks[0]?.code ?? "").length).toBeLessThan(3 * 1024);
  });

  test("satisfies publint and arethetypeswrong", async () => {
    await run("npx", ["--no-install", "publint", "--strict", tarball], { cwd: root });
    await run("npx", ["--no-install", "attw", "--profile", "esm-only", tarball], { cwd: root });
  }, 60_000);
});
