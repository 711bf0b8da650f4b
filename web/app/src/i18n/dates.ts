/** Times as people read them, in the language on the screen. */
import { language } from ".";

const formats = new Map<string, Intl.DateTimeFormat>();

function format(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = language.value + JSON.stringify(options);
  let made = formats.get(key);
  if (!made) formats.set(key, (made = new Intl.DateTimeFormat(language.value, options)));
  return made;
}

/** The number of the local day: two times of one day have the same. */
export function dayOf(time: Date): number {
  return Math.floor((time.getTime() - time.getTimezoneOffset() * 60_000) / 86_400_000);
}

export function clockTime(time: Date): string {
  return format({ hour: "2-digit", minute: "2-digit" }).format(time);
}

export function fullTime(time: Date): string {
  return format({ dateStyle: "full", timeStyle: "short" }).format(time);
}

/** The heading of a day in a conversation: today, yesterday, a weekday, a date. */
export function dayTitle(time: Date, now: Date): string {
  const age = dayOf(now) - dayOf(time);
  if (age === 0 || age === 1) {
    const relative = new Intl.RelativeTimeFormat(language.value, { numeric: "auto" });
    const text = relative.format(-age, "day");
    return text.charAt(0).toLocaleUpperCase(language.value) + text.slice(1);
  }
  if (age > 1 && age < 7) return format({ weekday: "long" }).format(time);
  const year = time.getFullYear() === now.getFullYear() ? {} : ({ year: "numeric" } as const);
  return format({ month: "long", day: "numeric", weekday: "short", ...year }).format(time);
}

/** A moment in a row of the chat list: the time today, else the day, as short as it can be said. */
export function shortTime(time: Date, now: Date): string {
  const age = dayOf(now) - dayOf(time);
  if (age <= 0) return clockTime(time);
  if (age < 7) return format({ weekday: "short" }).format(time);
  const year = time.getFullYear() === now.getFullYear() ? {} : ({ year: "2-digit" } as const);
  return format({ month: "numeric", day: "numeric", ...year }).format(time);
}

/** How long ago, roughly: "5 minutes ago". */
export function ago(time: Date, now: Date): string {
  const seconds = Math.max(0, (now.getTime() - time.getTime()) / 1000);
  const relative = new Intl.RelativeTimeFormat(language.value, { numeric: "auto" });
  const steps: [Intl.RelativeTimeFormatUnit, number][] = [
    ["day", 86_400],
    ["hour", 3600],
    ["minute", 60],
  ];
  for (const [unit, length] of steps) {
    if (seconds >= length) return relative.format(-Math.floor(seconds / length), unit);
  }
  return relative.format(0, "minute");
}

/** A countdown: "0:07", "12:30", "1:02:03". */
export function countdown(milliseconds: number): string {
  const total = Math.max(0, Math.ceil(milliseconds / 1000));
  const [hours, minutes, seconds] = [Math.floor(total / 3600), Math.floor((total % 3600) / 60), total % 60];
  const two = (number: number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
}
