// Writes the protocol's types from docs/asyncapi.yaml, which is made from the server's own types. A test
// compares what is checked in.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";

/** What the server calls it, and what clients do. */
const NAMES = {
  ChatView: "ChatRecord",
  ContactView: "Contact",
  Contacts: "ContactsFields",
  ErrorCode: "ServerErrorCode",
  ErrorView: "Refusal",
  MemberView: "Member",
  MeView: "Myself",
  MessageView: "Message",
  Opened: "OpenedRoom",
  Page: "HistoryPage",
  PresenceView: "Presence",
  ReceiptsView: "Receipts",
  Receipts: "ReceiptsFields",
  RoomView: "Room",
  UserView: "Person",
  VersionView: "Version",
};
/** Commands that the client says by itself. */
const OWN = ["hello", "ping", "refresh"];
const REF = "#/components/schemas/";

/** The text of src/generated/protocol.ts. */
export function generate(yaml) {
  const { schemas, messages } = parse(yaml).components;
  const wanted = new Set();
  const text = [];

  const nameOf = (ref) => {
    const name = ref.slice(REF.length);
    wanted.add(name);
    return NAMES[name] ?? name;
  };

  const comment = (description, indent) => {
    if (!description) return "";
    const lines = description
      .replaceAll("*/", "* /")
      .trim()
      .split(/\s*\n\s*/);
    if (lines.length === 1) return `${indent}/** ${lines[0]} */\n`;
    return `${indent}/**\n${lines.map((line) => `${indent} * ${line}\n`).join("")}${indent} */\n`;
  };

  /** A schema as a type. `null` stands for a field that is left out. */
  const type = (schema) => {
    if (schema.$ref) return nameOf(schema.$ref);
    if (schema.const !== undefined) return JSON.stringify(schema.const);
    if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
    const variants = schema.oneOf ?? schema.anyOf;
    if (variants)
      return variants
        .filter(({ type: kind }) => kind !== "null")
        .map(type)
        .join(" | ");
    if (schema.allOf) return schema.allOf.map(type).join(" & ");
    const kind = [schema.type].flat().find((each) => each !== "null");
    if (kind === "array") return `readonly ${grouped(type(schema.items))}[]`;
    if (kind === "integer" || kind === "number") return "number";
    if (kind === "string" || kind === "boolean") return kind;
    if (kind !== "object") return "unknown";
    if (schema.properties) return `{\n${fields(schema)}}`;
    if (!schema.additionalProperties) return "Readonly<Record<never, never>>";
    return `Readonly<Record<string, ${type(schema.additionalProperties)}>>`;
  };
  const grouped = (each) => (/^[\w$]+$/.test(each) ? each : `(${each})`);

  const fields = ({ properties = {}, required = [] }, skip = []) =>
    Object.entries(properties)
      .filter(([name]) => !skip.includes(name))
      .map(([name, schema]) => {
        const mark = required.includes(name) ? "" : "?";
        return `${comment(schema.description, "  ")}  readonly ${name}${mark}: ${type(schema)};\n`;
      })
      .join("");

  /** One of several fields: all of them, optional. */
  const oneOfFields = ({ oneOf }) => ({
    properties: Object.assign({}, ...oneOf.map(({ properties }) => properties)),
  });
  const isOneOfFields = (schema) =>
    schema.oneOf?.every(({ properties }) => properties && Object.keys(properties).length === 1);

  const declare = (name, schema) => {
    const own = NAMES[name] ?? name;
    const head = comment(schema.description, "");
    if (isOneOfFields(schema))
      return `${head}export interface ${own} {\n${fields(oneOfFields(schema))}}\n`;
    if (schema.type === "object" && schema.properties) {
      return `${head}export interface ${own} {\n${fields(schema)}}\n`;
    }
    if (schema.allOf) {
      const bases = schema.allOf.filter(({ $ref }) => $ref).map(({ $ref }) => nameOf($ref));
      const rest = schema.allOf.filter(({ $ref }) => !$ref).map((part) => fields(part));
      return `${head}export interface ${own} extends ${bases.join(", ")} {\n${rest.join("")}}\n`;
    }
    return `${head}export type ${own} = ${type(schema)};\n`;
  };

  /** A message without what frames it. */
  const bare = (payload) => {
    const skip = ["type", "id"];
    if (payload.allOf) {
      const parts = payload.allOf.filter(
        ({ properties }) =>
          !properties || Object.keys(properties).some((name) => !skip.includes(name)),
      );
      return parts.map(bare).join(" & ") || "Readonly<Record<never, never>>";
    }
    if (payload.$ref) return type(payload);
    const own = fields(payload, skip);
    return own ? `{\n${own}}` : "Readonly<Record<never, never>>";
  };

  const of = (group) =>
    Object.entries(messages)
      .filter(([key]) => key.startsWith(`${group}.`))
      .map(([key, { payload }]) => [key.slice(group.length + 1), payload]);

  const answers = Object.fromEntries(of("native_answer"));
  const commands = of("native_command")
    .filter(([name]) => !OWN.includes(name))
    .map(
      ([name, payload]) =>
        `  ${name}: [fields: ${bare(payload)}, answer: ${type(answers[name].properties.ok)}];\n`,
    );
  const events = of("native_event").map(
    ([name, payload]) => `${comment(payload.description, "  ")}  ${name}: ${bare(payload)};\n`,
  );
  text.push(
    `/** Every command: its fields, and its answer. */\nexport interface Commands {\n${commands.join("")}}\n`,
  );
  text.push(
    `/** Every event, by its \`type\`. */\nexport interface ServerEvents {\n${events.join("")}}\n`,
  );
  wanted.add("Welcome");
  wanted.add("ErrorView");
  const declared = new Map();
  for (const name of wanted) declared.set(name, declare(name, schemas[name]));
  const sorted = [...declared].sort(([a], [b]) => ((NAMES[a] ?? a) < (NAMES[b] ?? b) ? -1 : 1));
  const note = "/** Written by scripts/generate.mjs from docs/asyncapi.yaml; a test compares. */\n";
  return [note, ...text, ...sorted.map(([, each]) => each)].join("\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const source = process.argv[2] ?? new URL("../../../docs/asyncapi.yaml", import.meta.url);
  const target = new URL("../src/generated/protocol.ts", import.meta.url);
  writeFileSync(target, generate(readFileSync(source, "utf8")));
}
