// What the first load costs: the scripts that everybody needs who signs in and chats, as they travel (brotli). Pickers,
// dialogs and other languages come when they are asked for.

import { readFileSync, readdirSync } from "node:fs";
import { brotliCompressSync } from "node:zlib";

const BUDGET = 120 * 1024;
/** Loaded one after the other on the way from the address to a conversation. */
const SCREENS = [
  /^Shell-.*\.js$/,
  /^Conversation-.*\.js$/,
  /^SignIn-.*\.js$/,
  /^worker-.*\.js$/,
  /^zh-Hant-.*\.js$/,
];

const assets = new URL("../dist/assets/", import.meta.url);
const names = readdirSync(assets).filter((name) => name.endsWith(".js"));
const text = new Map(names.map((name) => [name, readFileSync(new URL(name, assets), "utf8")]));
const index = readFileSync(new URL("../dist/index.html", import.meta.url), "utf8");

const wanted = new Set();
function add(name) {
  if (wanted.has(name) || !text.has(name)) return;
  wanted.add(name);
  for (const [, imported] of text.get(name).matchAll(/(?:from|import)\s*"\.\/([^"]+\.js)"/g)) add(imported);
}
for (const [, name] of index.matchAll(/(?:src|href)="\/assets\/([^"]+\.js)"/g)) add(name);
for (const screen of SCREENS) {
  // Words and emoji of a language have chunks of one name: the words are the small ones.
  const found = names
    .filter((name) => screen.test(name))
    .toSorted((a, b) => text.get(a).length - text.get(b).length);
  if (!found[0]) throw new Error(`no chunk is called ${screen}`);
  add(found[0]);
}

let sum = 0;
for (const name of wanted) {
  const bytes = brotliCompressSync(text.get(name)).length;
  sum += bytes;
  if (process.argv.includes("--list")) process.stdout.write(`${String(bytes).padStart(7)} ${name}\n`);
}
process.stdout.write(
  `first load: ${(sum / 1024).toFixed(1)} KiB of script (brotli), at most ${BUDGET / 1024}\n`,
);
if (sum > BUDGET) process.exit(1);
