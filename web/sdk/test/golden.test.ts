/**
 * The golden traces: inputs with their times, and the effects that follow. They are shared with the client
 * libraries of other languages. `GOLDEN=write npx vitest run test/golden.test.ts` writes the effects anew.
 */

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Engine } from "../src/core/engine.js";
import type { CoreConfig, Effect, Input } from "../src/core/types.js";

interface Trace {
  readonly description: string;
  readonly config: Omit<CoreConfig, "random"> & { readonly random: number };
  readonly steps: { readonly at: number; readonly input: Input; effects: Effect[] }[];
}

const folder = new URL("../../../crates/client-protocol/tests/golden/", import.meta.url);

for (const name of readdirSync(folder).sort()) {
  const trace = JSON.parse(readFileSync(new URL(name, folder), "utf8")) as Trace;
  test(`${name}: ${trace.description}`, () => {
    const { random, ...config } = trace.config;
    const engine = new Engine({ ...config, random: () => random });
    const ran = trace.steps.map(({ at, input }) => {
      const due = engine.deadline();
      // A trace may be early for a tick, never late: what was due would have happened before.
      if (input.type === "tick") expect(due, `nothing is due at ${at}`).toBeLessThanOrEqual(at);
      else if (due !== undefined)
        expect(due, `something was due before ${at}`).toBeGreaterThanOrEqual(at - 1_000);
      const effects = JSON.parse(JSON.stringify(engine.handle(input, at))) as Effect[];
      return { at, input, effects };
    });
    if (process.env["GOLDEN"] === "write") {
      writeFileSync(
        new URL(name, folder),
        `${JSON.stringify({ ...trace, steps: ran }, null, 2)}\n`,
      );
    } else expect(ran).toEqual(trace.steps);
  });
}
