import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // The tests against a real server and a real browser take their time on a busy machine.
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});
