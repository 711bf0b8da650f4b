import { beforeEach, describe, expect, it, vi } from "vitest";
import { fold, rank } from "../../src/chats/filter";
import { countdown, dayTitle } from "../../src/i18n/dates";
import { contrast, parseHex, readableOn, tones } from "../../src/kit/colour";
import { emojiCount, initial, oneLine } from "../../src/kit/text";
import { titleWith } from "../../src/notify/badge";
import { decide, modeOf } from "../../src/notify/notify";
import { isQuiet, parse } from "../../src/settings/settings";
import { begun, named, suggestions, tokenOf } from "../../src/talk/mentions";

vi.mock("@hubbub/client/worker?sharedworker&url", () => ({ default: "/assets/worker.js" }));

describe("texts", () => {
  it("have an initial as people see it", () => {
    expect(initial("ada")).toBe("A");
    expect(initial("  陳佳怡")).toBe("陳");
    expect(initial("👩‍👩‍👧 family")).toBe("F");
    expect(initial("👩‍👩‍👧")).toBe("👩‍👩‍👧");
    expect(initial("")).toBe("#");
    expect(initial("Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢").length).toBeLessThan(14);
  });
  it("of few emoji are large", () => {
    expect(emojiCount("🎉")).toBe(1);
    expect(emojiCount("👍🏽 👨‍👩‍👧‍👦")).toBe(2);
    expect(emojiCount("🎉🎉🎉🎉")).toBe(0);
    expect(emojiCount("hi 🎉")).toBe(0);
    expect(emojiCount("123")).toBe(0);
    expect(emojiCount("")).toBe(0);
  });
  it("are cut between characters", () => {
    expect(oneLine("a\n b")).toBe("a b");
    expect(oneLine("👨‍👩‍👧‍👦".repeat(5), 2)).toBe("👨‍👩‍👧‍👦👨‍👩‍👧‍👦…");
    expect(oneLine("x".repeat(64_000)).length).toBe(121);
  });
});

describe("colours", () => {
  it("are readable on both grounds, whatever people choose", () => {
    for (const colour of ["#ffffff", "#000000", "#ffff00", "#808080", "#2e5fb8", "nonsense", ""]) {
      for (const ground of ["#ffffff", "#262031"]) {
        const [text, behind] = [parseHex(readableOn(colour, ground)), parseHex(ground)];
        expect(text && behind && contrast(text, behind), `${colour} on ${ground}`).toBeGreaterThanOrEqual(
          4.5,
        );
      }
      const white = parseHex("#ffffff");
      for (const tone of tones(colour)) {
        const behind = parseHex(tone);
        expect(white && behind && contrast(white, behind)).toBeGreaterThanOrEqual(4.5);
      }
    }
  });
});

describe("the filter", () => {
  it("knows no case, width or accent", () => {
    expect(fold("Ｆｏｏ Émile")).toBe("foo emile");
    expect(rank("Grace Hopper", "gra")).toBe(3);
    expect(rank("Grace Hopper", "hop")).toBe(2);
    expect(rank("Grace Hopper", "opp")).toBe(1);
    expect(rank("Grace Hopper", "xyz")).toBe(0);
    expect(rank("週五聚餐", "聚餐")).toBeGreaterThan(0);
  });
});

describe("mentions", () => {
  const person = (user: string, display_name: string, kind: "account" | "guest" = "account") => ({
    user,
    kind,
    name: user,
    display_name,
    colour: "#000000",
    created_at: "",
  });
  const people = [person("ann", "Ann"), person("anna", "Anna Li"), person("guest-1", "小明", "guest")];

  it("are begun by an @ at a word's beginning", () => {
    expect(begun("hi @an", 6)).toEqual({ at: 3, query: "an" });
    expect(begun("你好@小", 4)).toEqual({ at: 2, query: "小" });
    expect(begun("mail@example", 12)).toBeUndefined();
    expect(begun("@an b", 5)).toBeUndefined();
    expect(suggestions(people, "li").map(({ user }) => user)).toEqual(["anna"]);
  });

  it("name who stands in the text", () => {
    expect(named("@ann @anna", people)).toEqual(["anna", "ann"]);
    expect(named("@anna", people)).toEqual(["anna"]);
    expect(named("@小明你好", people)).toEqual(["guest-1"]);
    expect(named("nobody", people)).toEqual([]);
    const many = Array.from({ length: 10_000 }, (_, at) => person(`u${at}`, `U ${at}`));
    expect(named(many.map(tokenOf).join(" "), many.slice(0, 200))).toHaveLength(50);
  });
});

describe("notifications", () => {
  const from = {
    mentionsOnly: {} as Record<string, true>,
    quiet: { on: false, from: 22, to: 8 },
    desktop: true,
    sound: true,
  };
  const notice = (more: { muted?: boolean; mention?: boolean } = {}) => ({
    mention: more.mention ?? false,
    chat: { room: "r", muted: more.muted ?? false },
  });

  it("follow the chat's mode", () => {
    expect(decide(notice(), from, 12)).toEqual({ show: true, sound: true });
    expect(decide(notice({ muted: true, mention: true }), from, 12)).toEqual({ show: false, sound: false });
    const mentions = { ...from, mentionsOnly: { r: true as const } };
    expect(modeOf({ room: "r", muted: false }, mentions)).toBe("mentions");
    expect(decide(notice(), mentions, 12).show).toBe(false);
    expect(decide(notice({ mention: true }), mentions, 12).show).toBe(true);
  });

  it("keep quiet hours, also over midnight", () => {
    const quiet = { on: true, from: 22, to: 8 };
    expect([21, 22, 23, 0, 7, 8].map((hour) => isQuiet(quiet, hour))).toEqual([
      false,
      true,
      true,
      true,
      true,
      false,
    ]);
    expect(isQuiet({ on: true, from: 9, to: 17 }, 12)).toBe(true);
    expect(decide(notice(), { ...from, quiet }, 23)).toEqual({ show: false, sound: false });
  });

  it("count in the title", () => {
    expect(titleWith(0)).toBe("hubbub");
    expect(titleWith(3)).toBe("(3) hubbub");
    expect(titleWith(1000)).toBe("(99+) hubbub");
  });
});

describe("settings", () => {
  beforeEach(() => localStorage.clear());
  it("survive what an older, newer or broken client stored", () => {
    const fresh = parse(null);
    for (const text of [
      "",
      "not json",
      "null",
      "[]",
      "7",
      '{"theme":"pink","size":3,"language":"xx","quiet":null}',
    ]) {
      expect(parse(text)).toEqual(fresh);
    }
    expect(parse('{"theme":"dark","language":"zh-Hant","quiet":{"on":true,"from":99,"to":7}}')).toMatchObject(
      {
        theme: "dark",
        language: "zh-Hant",
        quiet: { on: true, from: 22, to: 7 },
      },
    );
  });
});

describe("times", () => {
  it("count down", () => {
    expect([0, 6_500, 750_000, 3_723_000].map(countdown)).toEqual(["0:00", "0:07", "12:30", "1:02:03"]);
  });
  it("are called today and yesterday", () => {
    const now = new Date(2026, 10, 30, 0, 5);
    expect(dayTitle(new Date(2026, 10, 30, 0, 1), now)).toBe("Today");
    expect(dayTitle(new Date(2026, 10, 29, 23, 59), now)).toBe("Yesterday");
    expect(dayTitle(new Date(2026, 10, 26), now)).toBe("Thursday");
    expect(dayTitle(new Date(2027, 0, 5), now)).toContain("2027");
  });
});
