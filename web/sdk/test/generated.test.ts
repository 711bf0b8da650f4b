/** The protocol's types are those of the server: `node scripts/generate.mjs` writes them anew. */

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
// @ts-expect-error it is a script
import { generate } from "../scripts/generate.mjs";

test("the types are made from the server's", () => {
  const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8");
  const made = (generate as (yaml: string) => string)(read("../../../docs/asyncapi.yaml"));
  expect(read("../src/generated/protocol.ts")).toBe(made);
});
