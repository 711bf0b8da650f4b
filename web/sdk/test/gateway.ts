/** A real server: the debug binary, alone on SQLite, on free ports; it may be killed and come back. */

import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { WebSocket } from "ws";
import {
  createAuth,
  createClient,
  memoryStore,
  type Client,
  type ClientOptions,
  type Session,
  type WebSocketConstructor,
} from "../src/index.js";

const binary =
  process.env["HUBBUB_BINARY"] ??
  fileURLToPath(new URL("../../../target/debug/hubbub", import.meta.url));

/** Skipping would look like passing: without the binary these tests fail, and say what to do. */
function checkBinary(): void {
  if (!existsSync(binary)) {
    throw new Error(`${binary} is missing: cargo build, or set HUBBUB_BINARY`);
  }
}

export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}

export class Gateway {
  readonly url: string;
  readonly admin: number;
  readonly #dir: string;
  readonly #port: number;
  readonly #settings: Record<string, string>;
  #process: ChildProcess | undefined;

  private constructor(dir: string, ports: [number, number], settings: Record<string, string>) {
    this.#dir = dir;
    [this.#port, this.admin] = ports;
    this.#settings = settings;
    this.url = `http://127.0.0.1:${this.#port}`;
  }

  static async start(settings: Record<string, string> = {}): Promise<Gateway> {
    checkBinary();
    const dir = await mkdtemp(`${tmpdir()}/hubbub-sdk-`);
    const gateway = new Gateway(dir, [await freePort(), await freePort()], settings);
    await gateway.up();
    return gateway;
  }

  async up(): Promise<void> {
    const child = spawn(binary, ["standalone"], {
      cwd: this.#dir,
      env: {
        RUST_LOG: "warn",
        HUBBUB_GATEWAY__EDGE__LISTEN: `127.0.0.1:${this.#port}`,
        HUBBUB_ADMIN__LISTEN: `127.0.0.1:${this.admin}`,
        HUBBUB_GATEWAY__DRAIN__NOTICE: "0s",
        HUBBUB_GATEWAY__USERS__SENDS_PER_SECOND: "1000",
        HUBBUB_GATEWAY__USERS__SENDS_BURST: "1000",
        ...this.#settings,
      },
      stdio: ["ignore", "ignore", "inherit"],
    });
    this.#process = child;
    const end = performance.now() + 30_000;
    while (!(await this.#ready())) {
      if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
      if (performance.now() > end) throw new Error("the server is not ready after 30 s");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Dies at once, in the middle of whatever it does. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async stop(): Promise<void> {
    await this.#end("SIGTERM");
    await rm(this.#dir, { recursive: true, force: true });
  }

  /** A number from the server's own metrics. */
  async metric(name: string): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${this.admin}/metrics`)).text();
    const lines = text.split("\n").filter((line) => line.startsWith(name) && !line.startsWith("#"));
    return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  }

  guest(nickname: string): Promise<Session> {
    return createAuth({ url: this.url }).guest({ nickname });
  }

  client(session: Session, options: Partial<ClientOptions> = {}): Client {
    const websocket = WebSocket as unknown as WebSocketConstructor;
    return createClient({ url: this.url, session, websocket, store: memoryStore(), ...options });
  }

  async #ready(): Promise<boolean> {
    try {
      return (await fetch(`http://127.0.0.1:${this.admin}/readyz`)).ok;
    } catch {
      return false;
    }
  }

  async #end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await ended;
  }
}
