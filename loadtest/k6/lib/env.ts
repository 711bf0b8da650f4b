// What a run is told from outside, read in one place. A value that cannot be meant ends the run before
// anything is sent.

/** A text, or what it is unless told. */
export function text(name: string, unlessTold: string): string {
  const value = __ENV[name];
  return value === undefined || value === '' ? unlessTold : value;
}

/** A number of at least `least`. */
export function number(name: string, unlessTold: number, least = 0): number {
  const value = __ENV[name];
  if (value === undefined || value === '') return unlessTold;
  const parsed = Number(value);
  if (!Number.isFinite(parsed) || parsed < least) {
    throw new Error(`${name}=${value}: a number of at least ${least} is wanted`);
  }
  return parsed;
}

/** A whole number of at least `least`. */
export function count(name: string, unlessTold: number, least = 1): number {
  const value = number(name, unlessTold, least);
  if (!Number.isInteger(value)) throw new Error(`${name}=${value}: a whole number is wanted`);
  return value;
}

/** Addresses separated by commas. */
export function list(name: string, unlessTold: string): string[] {
  const parts = text(name, unlessTold).split(',').map((part) => part.trim()).filter((part) => part !== '');
  if (parts.length === 0) throw new Error(`${name} names nothing`);
  return parts;
}

/** Where clients connect: `http(s)` or `ws(s)`, with or without a slash at the end. */
export const urls: string[] = list('HUBBUB_URLS', 'http://127.0.0.1:8080').map((url) => {
  const found = /^(http|ws)(s?):\/\/([^/]+)\/?$/.exec(url);
  if (!found) throw new Error(`HUBBUB_URLS: ${url} is not http(s)://host:port`);
  return `http${found[2]}://${found[3]}`;
});

/** The same address for a WebSocket. */
export function socketUrl(url: string): string {
  return url.replace(/^http/, 'ws');
}

/** Sets one run apart from another on the same cluster; the same for all runners of a distributed one. */
export const run: string = text('RUN', '');
