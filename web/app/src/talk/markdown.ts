/**
 * The subset of Markdown that messages may use, as Vue nodes. No HTML is ever made of what people write, so there is
 * nothing to sanitise: a tag, a picture, a table or a link with another scheme than http, https or mailto stays the
 * text that it is.
 */
import { Marked, type Token, type Tokens } from "marked";
import { h, type VNodeChild } from "vue";

/** Somebody named in a message: what stands in the text, and what is shown for it. */
export interface MentionMark {
  readonly token: string;
  readonly label: string;
  readonly user: string;
  readonly me: boolean;
}

/** Blocks within blocks; beyond it the text stays as it was written. */
const DEPTH_MAX = 6;
/** Longer texts are not parsed: the server takes 4,000 characters, a newer one might take more. */
const LENGTH_MAX = 16_000;
/** Runs like these make parsers slow and mean nothing. */
const SUSPICIOUS = /([*_~`[\]<>!#-])\1{40}|(\[[^\]]{0,3}){40}|^\s*((?:[-*+>]|\d{1,9}[.)])\s*){12}/m;

const marked = new Marked({
  gfm: true,
  breaks: true,
  tokenizer: {
    // Between Chinese characters there is no space to end an address.
    url(source) {
      const found = /^https?:\/\/[^\s<>"\u3000-\u303f\u3040-\u30ff\u4e00-\u9fff\uff00-\uffef]+/i.exec(
        source,
      )?.[0];
      const href = found
        ?.replace(/(?:[.,;:!?'*_~]|&quot;)+$/, "")
        .replace(/\)+$/, (ends) => balanced(found, ends));
      if (!href || !/^https?:\/\/./i.test(href)) return undefined;
      return { type: "link", raw: href, text: href, href, tokens: [{ type: "text", raw: href, text: href }] };
    },
    // A number with a full stop at the line's beginning is rarely meant as a list of one; setext headings never are.
    lheading: () => undefined,
    html: () => undefined,
    tag: () => undefined,
    def: () => undefined,
    reflink: () => undefined,
    table: () => undefined,
    code: () => undefined,
  },
});

function balanced(address: string, ends: string): string {
  const missing = (address.match(/\(/g)?.length ?? 0) - (address.match(/\)/g)?.length ?? 0) + ends.length;
  return ends.slice(0, Math.max(0, missing));
}

function lex(text: string): Token[] {
  const asWritten = () => [
    { type: "paragraph", raw: text, tokens: [{ type: "text", raw: text, text }] } as Tokens.Paragraph,
  ];
  if (text.length > LENGTH_MAX || SUSPICIOUS.test(text)) return asWritten();
  try {
    return marked.lexer(text);
  } catch {
    // The parser gives up by exhausting the stack: the text is still a message.
    return asWritten();
  }
}

/** The address if a message may link to it. */
export function safeHref(href: string): string | undefined {
  if (!/^(?:https?:\/\/|mailto:)/i.test(href.trim())) return undefined;
  try {
    const url = new URL(href);
    return ["http:", "https:", "mailto:"].includes(url.protocol) ? url.href : undefined;
  } catch {
    return undefined;
  }
}

/** Characters that turn the direction of what follows, and could disguise an address. */
const BIDI = /[\u202a-\u202e\u2066-\u2069\u200e\u200f]/g;

export function render(text: string, mentions: readonly MentionMark[] = []): VNodeChild[] {
  return blocks(lex(text), mentions, 0);
}

function blocks(tokens: readonly Token[], mentions: readonly MentionMark[], depth: number): VNodeChild[] {
  return tokens.map((token) => block(token, mentions, depth));
}

function block(token: Token, mentions: readonly MentionMark[], depth: number): VNodeChild {
  if (depth > DEPTH_MAX) return h("p", token.raw);
  const inner = () => inline(("tokens" in token && token.tokens) || [], mentions, depth + 1);
  switch (token.type) {
    case "space":
      return null;
    case "paragraph":
      return h("p", inner());
    case "heading":
      return h("p", [h("strong", inner())]);
    case "text":
      return token.tokens ? h("span", inner()) : words(token.text as string, mentions);
    case "code":
      return h("pre", { dir: "ltr", tabindex: 0 }, [h("code", (token as Tokens.Code).text)]);
    case "blockquote":
      return h("blockquote", blocks((token as Tokens.Blockquote).tokens, mentions, depth + 1));
    case "list": {
      const list = token as Tokens.List;
      const items = list.items.map((item) => h("li", blocks(item.tokens, mentions, depth + 1)));
      return list.ordered ? h("ol", { start: Number(list.start) || 1 }, items) : h("ul", items);
    }
    default:
      return h("p", token.raw.replace(/\n+$/, ""));
  }
}

function inline(tokens: readonly Token[], mentions: readonly MentionMark[], depth: number): VNodeChild[] {
  return tokens.flatMap((token): VNodeChild | VNodeChild[] => {
    if (depth > DEPTH_MAX * 2) return token.raw;
    const inner = () => inline(("tokens" in token && token.tokens) || [], mentions, depth + 1);
    switch (token.type) {
      case "strong":
      case "em":
      case "del":
        return h(token.type, inner());
      case "codespan":
        return h("code", { dir: "ltr" }, (token as Tokens.Codespan).text);
      case "br":
        return h("br");
      case "link":
        return link(token as Tokens.Link, inner);
      case "escape":
      case "text":
        return "tokens" in token && token.tokens ? inner() : words((token as Tokens.Text).text, mentions);
      default:
        return token.raw;
    }
  });
}

function link(token: Tokens.Link, inner: () => VNodeChild[]): VNodeChild {
  const href = safeHref(token.href);
  if (!href) return token.raw;
  const isBare = token.text === token.href;
  const shown = isBare ? token.text.replace(BIDI, "") : inner();
  // Text that names another address than the one it leads to is shown with the address.
  const other = !isBare && /^\s*(?:https?:\/\/|www\.)/i.test(token.text) ? ` (${new URL(href).host})` : "";
  return [h("a", { href, target: "_blank", rel: "noopener noreferrer nofollow", title: href }, shown), other];
}

function words(text: string, mentions: readonly MentionMark[]): VNodeChild[] {
  if (!mentions.length || !text.includes("@")) return [text];
  const parts: VNodeChild[] = [];
  let from = 0;
  for (let at = text.indexOf("@"); at >= 0; at = text.indexOf("@", at + 1)) {
    const mark = mentions.find(
      ({ token }) =>
        text.startsWith(token, at) &&
        !/^[\p{L}\p{N}_]/u.test(isHan(token) ? "" : text.slice(at + token.length)),
    );
    if (!mark) continue;
    if (at > from) parts.push(text.slice(from, at));
    parts.push(h("span", { class: ["mention", { me: mark.me }], "data-user": mark.user }, mark.label));
    from = at + mark.token.length;
    at = from - 1;
  }
  parts.push(text.slice(from));
  return parts;
}

/** After a Chinese name the sentence goes on without a space. */
function isHan(token: string): boolean {
  return /\p{Script=Han}$/u.test(token);
}

/** The text without its marks, for previews and notifications. */
export function plainText(text: string): string {
  const flat = (tokens: readonly Token[]): string =>
    tokens
      .map((token) => {
        if (token.type === "br" || token.type === "space") return " ";
        if (token.type === "list")
          return (token as Tokens.List).items.map((item) => flat(item.tokens)).join(" ");
        if ("tokens" in token && token.tokens?.length)
          return flat(token.tokens) + (isBlock(token) ? " " : "");
        return "text" in token && typeof token.text === "string" ? token.text : token.raw;
      })
      .join("");
  return flat(lex(text.slice(0, 2000))).trim();
}

function isBlock({ type }: Token): boolean {
  return type === "paragraph" || type === "heading" || type === "blockquote";
}
