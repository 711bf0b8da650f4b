import { createHash } from "node:crypto";
import { readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import vue from "@vitejs/plugin-vue";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

/** `virtual:emoji/en`, …: what the picker needs of emojibase, a quarter of its bytes. */
function emoji(): Plugin {
  const prefix = "virtual:emoji/";
  return {
    name: "hubbub-emoji",
    resolveId: (id) => (id.startsWith(prefix) ? `\0${id}` : undefined),
    load(id) {
      if (!id.startsWith(`\0${prefix}`)) return undefined;
      const folder = { en: "en", "zh-Hant": "zh-hant", "zh-Hans": "zh" }[id.slice(prefix.length + 1)];
      const file = new URL(`node_modules/emojibase-data/${folder}/compact.json`, import.meta.url);
      const all = JSON.parse(readFileSync(file, "utf8")) as {
        unicode: string;
        label: string;
        tags?: string[];
        group?: number;
      }[];
      const rows = all
        .filter(({ group }) => group !== undefined && group !== 2)
        .map(({ unicode, label, tags = [], group }) => [unicode, label, tags.join(" "), group]);
      return `export default JSON.parse(${JSON.stringify(JSON.stringify(rows))})`;
    },
  };
}

/** Gives the service worker the list of what the shell consists of, and the build a name. */
function shell(): Plugin {
  return {
    name: "hubbub-shell",
    apply: "build",
    generateBundle(_options, bundle) {
      const names = Object.keys(bundle).filter(
        (name) => name.startsWith("assets/") && !name.endsWith(".map"),
      );
      const worker = Object.values(bundle).find((part) => part.type === "chunk" && part.name === "sw");
      if (worker?.type !== "chunk") throw new Error("the service worker is missing");
      const files = names.filter((name) => !/emoji/i.test(name)).toSorted();
      const name = createHash("sha256").update(files.join()).digest("hex").slice(0, 16);
      worker.code = worker.code.replace(
        "__SHELL__",
        JSON.stringify({ name, files: files.map((file) => `/${file}`) }),
      );
    },
  };
}

/** Prepares brotli and gzip beside every file that shrinks: the gateway never compresses by itself. */
function compressed(): Plugin {
  const kinds = /\.(html|js|css|json|svg|webmanifest)$/;
  const walk = (folder: string): string[] =>
    readdirSync(folder).flatMap((name) => {
      const path = join(folder, name);
      return statSync(path).isDirectory() ? walk(path) : [path];
    });
  return {
    name: "hubbub-compressed",
    apply: "build",
    closeBundle() {
      const dist = fileURLToPath(new URL("dist", import.meta.url));
      for (const path of walk(dist).filter((name) => kinds.test(name))) {
        const plain = readFileSync(path);
        const params = {
          [constants.BROTLI_PARAM_QUALITY]: 11,
          [constants.BROTLI_PARAM_SIZE_HINT]: plain.length,
        };
        for (const [suffix, bytes] of [
          [".br", brotliCompressSync(plain, { params })],
          [".gz", gzipSync(plain, { level: 9 })],
        ] as const) {
          if (bytes.length < plain.length) writeFileSync(path + suffix, bytes);
        }
      }
    },
  };
}

const gateway = process.env["HUBBUB_URL"] ?? "http://127.0.0.1:8080";
const sdk = (path: string) => fileURLToPath(new URL(`../sdk/src/${path}`, import.meta.url));

export default defineConfig({
  plugins: [vue(), emoji(), shell(), compressed()],
  resolve: {
    // The library's sources: the client needs no build of it first.
    alias: [
      { find: /^@hubbub\/client\/worker(\?.*)?$/, replacement: `${sdk("worker.ts")}$1` },
      { find: /^@hubbub\/client$/, replacement: sdk("index.ts") },
    ],
  },
  server: { proxy: { "/v1": { target: gateway, ws: true, changeOrigin: true } }, fs: { allow: [".."] } },
  worker: { format: "es" },
  build: {
    target: "es2023",
    cssTarget: ["chrome123", "firefox121", "safari17.5"],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      input: { index: "index.html", sw: "src/worker/sw.ts" },
      output: {
        entryFileNames: (chunk) => (chunk.name === "sw" ? "sw.js" : "assets/[name]-[hash].js"),
        // What every screen needs comes in two files instead of forty.
        codeSplitting: {
          groups: [
            { name: "vendor", test: /node_modules/ },
            {
              name: "core",
              test: /web\/sdk\/src|src\/(kit|chat|session|notify)\/|i18n\/(index|dates|en)\.ts|settings\/settings\.ts/,
            },
          ],
        },
      },
    },
  },
  test: { environment: "happy-dom", include: ["tests/unit/**/*.test.ts"] },
});
