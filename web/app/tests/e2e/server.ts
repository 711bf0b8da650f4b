/** Starts hubbub with every role in one process and the built client at `/`, on free ports and a folder of its own. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    url: string;
  }
}

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const PATIENCE_MS = 60_000;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== "object" || !address) throw new Error("no port is free");
  return address.port;
}

export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const binary = process.env["HUBBUB_BINARY"] ?? here("../../../../target/debug/hubbub");
  const data = mkdtempSync(join(tmpdir(), "hubbub-web-"));
  const url = `http://127.0.0.1:${await freePort()}`;
  const server = spawn(binary, [], {
    env: {
      PATH: process.env["PATH"],
      RUST_LOG: "warn",
      HUBBUB_STANDALONE__DATA_DIR: data,
      HUBBUB_ADMIN__LISTEN: "",
      HUBBUB_GATEWAY__EDGE__LISTEN: new URL(url).host,
      HUBBUB_GATEWAY__WEB__FOLDER: here("../../dist"),
      HUBBUB_GATEWAY__EXAMPLES: "on",
      // A test says in a second what people say in an hour.
      HUBBUB_GATEWAY__USERS__SENDS_PER_SECOND: "10000",
      HUBBUB_GATEWAY__USERS__SENDS_BURST: "10000",
      HUBBUB_GATEWAY__USERS__REQUESTS_PER_SECOND: "10000",
      HUBBUB_GATEWAY__USERS__REQUESTS_BURST: "10000",
      // Two people who have just met see each other's presence after a second, not after a minute.
      HUBBUB_GATEWAY__PRESENCE__ACQUAINTANCE_INTERVAL: "1s",
      HUBBUB_GATEWAY__PRESENCE__LOOK_INTERVAL: "1s",
      // Passwords of tests are worth no protection, and a debug build on a busy machine takes seconds for one.
      HUBBUB_IDENTITY__PASSWORD__MEMORY_KIB: "1024",
      HUBBUB_IDENTITY__PASSWORD__PASSES: "1",
      HUBBUB_IDENTITY__ATTEMPTS__NEW_BURST: "1000",
      HUBBUB_IDENTITY__ATTEMPTS__ADDRESS_BURST: "1000",
    },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const gone = new Promise<never>((_resolve, reject) => {
    server.once("error", reject);
    server.once("exit", (code) => reject(new Error(`hubbub ended with ${code}`)));
  });
  gone.catch(() => undefined);
  const deadline = Date.now() + PATIENCE_MS;
  const answers = () =>
    fetch(`${url}/v1/openapi.json`).then(
      ({ ok }) => ok,
      () => false,
    );
  while (!(await Promise.race([answers(), gone]))) {
    if (Date.now() > deadline) throw new Error("hubbub does not answer");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  provide("url", url);
  return async () => {
    server.removeAllListeners("exit");
    const ended = new Promise((resolve) => server.once("exit", resolve));
    server.kill("SIGKILL");
    await ended;
    rmSync(data, { recursive: true, force: true });
  };
}
