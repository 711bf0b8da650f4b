/** Colours that people choose, made readable on the grounds of both themes (WCAG 2.2, contrast). */

type Rgb = readonly [number, number, number];

export function parseHex(hex: string): Rgb | undefined {
  const digits = /^#([0-9a-f]{6})$/i.exec(hex)?.[1];
  if (!digits) return undefined;
  const number = parseInt(digits, 16);
  return [number >> 16, (number >> 8) & 255, number & 255];
}

export function toHex(rgb: Rgb): string {
  return `#${rgb.map((part) => Math.round(part).toString(16).padStart(2, "0")).join("")}`;
}

/** Relative luminance (WCAG 2.2). */
export function luminance(rgb: Rgb): number {
  const [r, g, b] = rgb.map((part) => {
    const value = part / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

export function contrast(one: Rgb, other: Rgb): number {
  const [light, dark] = [luminance(one), luminance(other)].toSorted((a, b) => b - a) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

function mix(rgb: Rgb, target: Rgb, share: number): Rgb {
  return rgb.map((part, index) => part + ((target[index] ?? 0) - part) * share) as unknown as Rgb;
}

/** Names are readable on every ground that a bubble may have, those of mentions and quotes among them. */
export function nameColour(colour: string | undefined, isDark: boolean): string {
  return readableOn(colour ?? "", isDark ? "#4e4331" : "#f0e3cc");
}

const FALLBACK: Rgb = [107, 63, 160];

/** The colour, moved towards black or white until text in it has a contrast of 4.5 on the ground. */
export function readableOn(colour: string, ground: string): string {
  const own = parseHex(colour) ?? FALLBACK;
  const behind = parseHex(ground) ?? [255, 255, 255];
  const target: Rgb = luminance(behind) > 0.18 ? [0, 0, 0] : [255, 255, 255];
  for (let share = 0; share < 1; share += 0.05) {
    const mixed = mix(own, target, share);
    if (contrast(mixed, behind) >= 4.6) return toHex(mixed);
  }
  return toHex(target);
}

/** Two tones of a colour behind a white letter. */
export function tones(colour: string): readonly [string, string] {
  const base = readableOn(colour, "#ffffff");
  const rgb = parseHex(base) ?? FALLBACK;
  return [base, toHex(mix(rgb, [30, 10, 50], 0.35))];
}

export const PALETTE = [
  "#b3402a",
  "#a35a00",
  "#7a6a00",
  "#3f7a1f",
  "#0f7a5c",
  "#14718f",
  "#2e5fb8",
  "#5a4fc4",
  "#8440b5",
  "#a8327e",
] as const;
