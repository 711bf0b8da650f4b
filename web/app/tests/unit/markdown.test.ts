import { describe, expect, it } from "vitest";
import { h, render as mount } from "vue";
import { plainText, render, safeHref, type MentionMark } from "../../src/talk/markdown";

function dom(text: string, mentions: readonly MentionMark[] = []): HTMLElement {
  const root = document.createElement("div");
  mount(h("div", render(text, mentions)), root);
  return root.firstElementChild as HTMLElement;
}

/** What people try, from DOMPurify's and OWASP's corpora. */
const ATTACKS = [
  `<script>alert(1)</script>`,
  `<img src=x onerror=alert(1)>`,
  `<svg/onload=alert(1)>`,
  `<a href="javascript:alert(1)">x</a>`,
  `[x](javascript:alert(1))`,
  `[x](JaVaScRiPt:alert(1))`,
  `[x](java\tscript:alert(1))`,
  `[x](&#106;avascript:alert(1))`,
  `[x](data:text/html;base64,PHNjcmlwdD4=)`,
  `[x](vbscript:msgbox(1))`,
  `[x](file:///etc/passwd)`,
  `[x](blob:https://a/b)`,
  `![x](javascript:alert(1))`,
  `![x](https://example.com/x.png)`,
  `![x](x" onerror="alert(1))`,
  `[x](https://a.example "onmouseover=alert(1)")`,
  `<javascript:alert(1)>`,
  `[<img src=x onerror=alert(1)>](https://a.example)`,
  `**<iframe src="javascript:alert(1)">**`,
  "`<script>alert(1)</script>`",
  "```html\n<script>alert(1)</script>\n```",
  `> <math><mtext><table><mglyph><style><img src=x onerror=alert(1)>`,
  `<noscript><p title="</noscript><img src=x onerror=alert(1)>">`,
  `[a]: javascript:alert(1)\n[a]`,
  `| <img src=x onerror=alert(1)> |\n|---|\n| x |`,
  `<!--><script>alert(1)</script>-->`,
  `<![CDATA[<script>alert(1)</script>]]>`,
  `&lt;script&gt;alert(1)&lt;/script&gt;`,
  `\\<script>alert(1)\\</script>`,
];
const ALLOWED = new Set("DIV P STRONG EM DEL CODE PRE A BR UL OL LI BLOCKQUOTE SPAN".split(" "));

describe("what people write never becomes HTML", () => {
  it.each(ATTACKS)("%s", (text) => {
    const root = dom(text);
    for (const element of root.querySelectorAll("*")) {
      expect(ALLOWED.has(element.tagName), element.outerHTML).toBe(true);
      for (const { name, value } of element.attributes) {
        expect(name.startsWith("on"), element.outerHTML).toBe(false);
        if (name === "href") expect(value).toMatch(/^(https?:|mailto:)/);
      }
    }
  });

  it("dangerous links stay text", () => {
    const root = dom("[click](javascript:alert(1))");
    expect(root.querySelector("a")).toBeNull();
    expect(root.textContent).toContain("javascript:alert(1)");
    for (const href of [
      "javascript:1",
      " javascript:1",
      "data:x",
      "//evil.example",
      "/v1/me",
      "ftp://x",
      "https:",
      "http://[",
    ]) {
      expect(safeHref(href)).toBeUndefined();
    }
    expect(safeHref("https://a.example/x")).toBe("https://a.example/x");
  });

  it("a link whose text names another address shows where it leads", () => {
    expect(dom("[https://bank.example](https://evil.example/x)").textContent).toContain("(evil.example)");
    expect(dom("https://a.example/\u202egpj.exe").querySelector("a")?.textContent).not.toContain("\u202e");
  });
});

describe("the subset", () => {
  it("has emphasis, code, lists, quotes and line breaks", () => {
    expect(dom("**a** _b_ ~~c~~ `d`").querySelectorAll("strong, em, del, code")).toHaveLength(4);
    expect(dom("one\ntwo").querySelectorAll("br")).toHaveLength(1);
    expect(dom("- a\n- b").querySelectorAll("ul > li")).toHaveLength(2);
    expect(dom("3. a").querySelector("ol")?.getAttribute("start")).toBe("3");
    expect(dom("> a").querySelector("blockquote")?.textContent).toBe("a");
    expect(dom("```js\nlet a = 1 < 2;\n```").querySelector("pre code")?.textContent).toBe("let a = 1 < 2;");
  });

  it("shows characters as they were written", () => {
    for (const text of [
      "a < b && c > d",
      "&amp; &lt;",
      "snake_case_name",
      "2 * 3 * 4",
      "C:\\temp",
      "#hashtag",
      "    indented",
    ]) {
      expect(dom(text).textContent?.trim()).toBe(text.trim());
    }
    expect(dom("`a < b`").textContent).toBe("a < b");
  });

  it("ends an address where Chinese goes on", () => {
    const href = (text: string) => dom(text).querySelector("a")?.getAttribute("href");
    expect(href("看https://socket.io/docs，很好")).toBe("https://socket.io/docs");
    expect(href("（https://socket.io/docs）")).toBe("https://socket.io/docs");
    expect(href("see https://a.example/x.")).toBe("https://a.example/x");
    expect(href("(https://en.example/wiki/A_(b))")).toBe("https://en.example/wiki/A_(b)");
  });

  it("marks who is named, and only them", () => {
    const mentions = [{ token: "@ann", label: "@Ann", user: "ann", me: true }];
    expect(dom("hi @ann!", mentions).querySelector(".mention.me")?.textContent).toBe("@Ann");
    expect(dom("hi @anna", mentions).querySelector(".mention")).toBeNull();
    expect(dom("hi @bob", mentions).querySelector(".mention")).toBeNull();
    expect(dom("`@ann`", mentions).querySelector(".mention")).toBeNull();
    const han = [{ token: "@佳怡", label: "@佳怡", user: "x", me: false }];
    expect(dom("@佳怡你好", han).querySelector(".mention")?.textContent).toBe("@佳怡");
  });

  it("has a plain form for previews", () => {
    expect(plainText("**bold** and `code`\n- a\n- b")).toBe("bold and code a b");
    expect(plainText("[text](https://a.example)")).toBe("text");
  });
});

describe("is quick whatever is written", () => {
  const nasty = [
    "*",
    "_",
    "[",
    "`",
    ">",
    "![",
    "[](",
    "~",
    "\\",
    "<",
    "**a",
    "_a_*b*",
    "- ",
    "1. ",
    "(((",
    "@",
    "&#",
  ];
  it.each(nasty)("%s, 4,000 characters of it", (piece) => {
    const text = piece.repeat(4000 / piece.length);
    const begun = performance.now();
    dom(text);
    expect(performance.now() - begun).toBeLessThan(2000);
  });
});
