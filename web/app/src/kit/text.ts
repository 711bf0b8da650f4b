/** Texts of people: their first letter, a short form, a seed for what looks random and is not. */

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** The first character as people see it, in upper case; "#" for nothing. */
export function initial(name: string): string {
  const trimmed = name.replace(/^[\s\p{P}\p{S}\p{Cf}]+/u, "") || name.trim();
  for (const { segment } of graphemes.segment(trimmed)) return segment.slice(0, 12).toLocaleUpperCase();
  return "#";
}

/** A small number that is always the same for a text. */
export function seed(text: string): number {
  let hash = 2_166_136_261;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 16_777_619) >>> 0;
  }
  return hash;
}

const EMOJI_ONLY = /^(?:\p{RGI_Emoji}|\s){1,24}$/v;

/** How many emoji a text consists of: 1 to 3 are shown large; 0 when there is anything else. */
export function emojiCount(text: string): number {
  if (text.length > 64 || !EMOJI_ONLY.test(text)) return 0;
  const seen = [...graphemes.segment(text)].filter(({ segment }) => segment.trim());
  return seen.length <= 3 ? seen.length : 0;
}

/** A text on one line, cut by characters as people see them. */
export function oneLine(text: string, length = 120): string {
  const line = text
    .slice(0, length * 32)
    .replace(/\s+/g, " ")
    .trim();
  let cut = "";
  let count = 0;
  for (const { segment } of graphemes.segment(line)) {
    if (count++ === length) return `${cut}…`;
    cut += segment.slice(0, 16);
  }
  return cut;
}
