import { defineConfig } from "vitest/config";

/** The client as it is built, in a browser, against hubbub itself. */
export default defineConfig({
  test: {
    environment: "node",
    include: ["tests/e2e/**/*.test.ts"],
    globalSetup: ["tests/e2e/server.ts"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // The tests share one server and one processor or two.
    fileParallelism: false,
  },
});
