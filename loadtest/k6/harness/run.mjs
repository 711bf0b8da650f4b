// Runs one scenario under Node, against a real cluster: `node harness/run.mjs scenarios/smoke.ts`. Settings come from
// the environment, as with k6. The exit code is 0 when every threshold holds, 99 when one does not, and 107 when the
// scenario could not be run: k6's own codes.
//
// The types are erased into a scratch folder once, so that every virtual user starts as quickly as plain JavaScript.
// The folder lies in `node_modules`, so that the packages of the harness are found from there; in it, a package `k6`
// stands in for k6's own modules.

import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { transformSync } from '@swc/wasm-typescript';

const SCRIPT_FAILED = 107;
const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** What `import … from 'k6/…'` is given. */
const modules = {
  '.': 'k6',
  './crypto': 'crypto',
  './encoding': 'encoding',
  './execution': 'execution',
  './http': 'http',
  './metrics': 'metrics',
  './net/grpc': 'grpc',
  './timers': 'timers',
  './websockets': 'websockets',
};

function erase(folder, into) {
  mkdirSync(into, { recursive: true });
  for (const name of readdirSync(folder).filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))) {
    const source = readFileSync(join(folder, name), 'utf8');
    const { code } = transformSync(source, { mode: 'strip-only', filename: name });
    const imports = code.replace(/((?:from|import\(|new URL\()\s*'\.[^']*)\.ts'/g, "$1.js'");
    writeFileSync(join(into, name.replace(/\.ts$/, '.js')), imports);
  }
}

function build(scratch) {
  writeFileSync(join(scratch, 'package.json'), '{"type": "module"}');
  for (const folder of ['lib', 'scenarios', 'harness', 'harness/api']) erase(join(root, folder), join(scratch, folder));
  const k6 = join(scratch, 'node_modules/k6');
  mkdirSync(k6, { recursive: true });
  const exports = Object.fromEntries(Object.entries(modules).map(([name, file]) => [name, `./${file}.js`]));
  writeFileSync(join(k6, 'package.json'), JSON.stringify({ name: 'k6', type: 'module', exports }));
  for (const file of Object.values(modules)) {
    const api = `../../harness/api/${file}.js`;
    const hasDefault = /^export default /m.test(readFileSync(join(scratch, 'harness/api', `${file}.js`), 'utf8'));
    const text = `export * from '${api}';\n${hasDefault ? `export { default } from '${api}';\n` : ''}`;
    writeFileSync(join(k6, `${file}.js`), text);
  }
}

const [script, ...rest] = process.argv.slice(2);
if (script === undefined || rest.length > 0) {
  console.error('usage: node harness/run.mjs scenarios/NAME.ts');
  process.exit(SCRIPT_FAILED);
}
const scratch = mkdtempSync(join(root, 'node_modules/.harness-'));
try {
  build(scratch);
  const source = resolve(script);
  const module = join(scratch, 'scenarios', basename(source).replace(/\.ts$/, '.js'));
  const { main } = await import(pathToFileURL(join(scratch, 'harness/main.js')).href);
  process.exitCode = await main({ source, module });
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = SCRIPT_FAILED;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
process.exit();
