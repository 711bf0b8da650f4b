import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { preferred, speak, t } from "../../src/i18n";
import { en } from "../../src/i18n/en";
import { zhHans } from "../../src/i18n/zh-Hans";
import { zhHant } from "../../src/i18n/zh-Hant";

const languages = { "zh-Hant": zhHant, "zh-Hans": zhHans };
const parameters = (entry: string | { one: string; other: string }) =>
  new Set(
    (typeof entry === "string" ? entry : `${entry.one} ${entry.other}`)
      .match(/\{\w+\}/g)
      ?.map(String)
      .toSorted(),
  );

function sources(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return name === "i18n" ? [] : sources(path);
    return /\.(vue|ts)$/.test(name) ? [readFileSync(path, "utf8")] : [];
  });
}

describe.each(Object.entries(languages))("%s", (_name, words) => {
  it("has the keys of English, no more and no fewer", () => {
    expect(Object.keys(words).toSorted()).toEqual(Object.keys(en).toSorted());
  });

  it("takes the parameters of English", () => {
    for (const [key, entry] of Object.entries(en)) {
      expect([key, parameters(words[key as keyof typeof en])]).toEqual([key, parameters(entry)]);
    }
  });

  it("leaves nothing untranslated", () => {
    const same = Object.entries(en).filter(([key, entry]) => words[key as keyof typeof en] === entry);
    expect(same.map(([key]) => key)).toEqual(["app.name", "presence.unknown", "system.announced"]);
  });
});

it("simplified text has no traditional characters", () => {
  const traditional = /[訊傳這個們說話開關閉對應請輸錄網頁頻聯絡檔無還會發現讀寫應該選擇時間]/;
  const found = Object.entries(zhHans).filter(([, text]) => traditional.test(String(text)));
  expect(found).toEqual([]);
});

it("every key is used", () => {
  const all = sources("src").join("\n");
  const built =
    /^(error|presence|message\.(sending|sent|delivered|read)$|system\.(state_set)|details\.role|notify\.(all|mentions|none)$|emoji\.group|settings\.(theme|size)\.)/;
  const unused = Object.keys(en).filter(
    (key) => !built.test(key) && !all.includes(`"${key}"`) && !all.includes(`'${key}'`),
  );
  expect(unused).toEqual([]);
});

describe("words", () => {
  it("fill in parameters and choose the plural", async () => {
    expect(t("talk.members", { count: 1 })).toBe("1 member");
    expect(t("talk.members", { count: 1234 })).toBe("1,234 members");
    expect(t("talk.startRoom", { name: "<b>{name}</b>" })).toBe("This is the beginning of <b>{name}</b>.");
    await speak("zh-Hant");
    expect(t("talk.members", { count: 1 })).toBe("1 位成員");
    expect(document.documentElement.lang).toBe("zh-Hant");
    await speak("en");
  });

  it("come in the language that the browser prefers", () => {
    expect(preferred(["zh-TW", "en"])).toBe("zh-Hant");
    expect(preferred(["zh-HK"])).toBe("zh-Hant");
    expect(preferred(["zh-CN"])).toBe("zh-Hans");
    expect(preferred(["zh"])).toBe("zh-Hans");
    expect(preferred(["de", "zh-Hant-MO"])).toBe("zh-Hant");
    expect(preferred(["de"])).toBe("en");
    expect(preferred([])).toBe("en");
  });
});
