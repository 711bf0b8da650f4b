/** The examples of the guide and of the README: each page's are one program, type-checked and run. */

import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import { Gateway } from "./gateway.js";

const root = fileURLToPath(new URL("..", import.meta.url));
/** Beside the sources, so that the examples resolve what the tests do. */
const scratch = `${root}test/.guide/`;
let gateway: Gateway;

beforeAll(async () => {
  gateway = await Gateway.start();
  await mkdir(scratch, { recursive: true });
  vi.stubGlobal("WebSocket", WebSocket);
});
afterAll(async () => {
  vi.unstubAllGlobals();
  await rm(scratch, { recursive: true, force: true });
  await gateway.stop();
});

test.each([
  ["guide", "../../docs/sdk.md"],
  ["readme", "README.md"],
])(
  "the examples of the %s run",
  async (name, page) => {
    const text = await readFile(root + page, "utf8");
    const blocks = [...text.matchAll(/```ts\n([^]*?)```/g)].map(([, block]) => block as string);
    expect(
      blocks[0]?.trim().split("\n").length,
      "the first example chats in ten lines",
    ).toBeLessThanOrEqual(10);
    const program = blocks
      .join("\n")
      .replace("http://127.0.0.1:8080", gateway.url)
      .replace('"Ada"', `"Ada-${name}"`)
      .replaceAll('"@hubbub/client"', '"../../src/index.js"');
    const file = `${scratch}${name}.ts`;
    await writeFile(file, program);
    expect(problems(file)).toEqual([]);
    const said: unknown[] = [];
    vi.spyOn(console, "log").mockImplementation((...words: unknown[]) => void said.push(...words));
    await import(/* @vite-ignore */ file);
    await vi.waitFor(() => expect(said).toContain("hello"), { timeout: 10_000 });
    vi.mocked(console.log).mockRestore();
  },
  60_000,
);

/** What the compiler says of it. */
function problems(file: string): string[] {
  const { config } = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile) as {
    config: object;
  };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const program = ts.createProgram([file], { ...options, noEmit: true });
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
}
