// The budgets, minified and compressed: what a page loads that shares a worker, and with the hub on top.
import { readdirSync, readFileSync } from "node:fs";
import { brotliCompressSync } from "node:zlib";

const PAGE = 15 * 1024;
const ALL = 20 * 1024;
const dist = new URL("../dist/", import.meta.url);
const sizes = readdirSync(dist)
  .filter((name) => name.endsWith(".min.js"))
  .map((name) => [name, brotliCompressSync(readFileSync(new URL(name, dist))).length]);
const sum = (chunks) => chunks.reduce((total, [, size]) => total + size, 0);
const [all, page] = [sum(sizes), sum(sizes.filter(([name]) => name !== "hub.min.js"))];
console.log(`@hubbub/client: ${page} bytes of ${PAGE} for a page, ${all} of ${ALL} with the hub`);
if (page > PAGE || all > ALL) process.exit(1);
