// Checks docs/asyncapi.yaml with the AsyncAPI initiative's own parser: errors and warnings fail.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [modules, file] = process.argv.slice(2);
const require = createRequire(pathToFileURL(`${modules}/`));
const { Parser } = require("@asyncapi/parser");
const { document, diagnostics } = await new Parser().parse(readFileSync(file, "utf8"));
// 0 is an error, 1 a warning; what is below is advice.
const wrong = diagnostics.filter(({ severity }) => severity <= 1);
for (const { path, message } of wrong) console.error(`${path.join(".")}: ${message}`);
if (!document || wrong.length > 0) process.exit(1);
console.log(`valid AsyncAPI ${document.version()}, ${document.allMessages().length} messages`);
