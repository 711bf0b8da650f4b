// Builds the package: the modules and their types by tsc, and one file for `<script type="module">`.
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const root = fileURLToPath(new URL("..", import.meta.url));

rmSync(`${root}dist`, { recursive: true, force: true });
execFileSync(
  process.execPath,
  [`${root}node_modules/typescript/bin/tsc`, "-p", `${root}tsconfig.build.json`],
  {
    stdio: "inherit",
  },
);

// The worker stays the file beside it: Vite would put all of it into the bundle.
const workerBeside = {
  name: "worker-beside",
  enforce: "pre",
  transform: (code) => code.replace('URL("./worker.js", ', 'URL("./worker.js".toString(), '),
};

await build({
  root,
  configFile: false,
  plugins: [workerBeside],
  logLevel: "warn",
  build: {
    outDir: `${root}dist`,
    emptyOutDir: false,
    target: "es2022",
    rolldownOptions: { output: { minify: true, chunkFileNames: "[name].min.js" } },
    lib: { entry: `${root}src/index.ts`, formats: ["es"], fileName: () => "hubbub.min.js" },
  },
});
