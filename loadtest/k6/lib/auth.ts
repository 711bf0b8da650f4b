// Who the clients are, and their tokens: signed here with the cluster's secret (HS256), or given in a
// file when the cluster trusts an issuer whose key nobody hands out.

import { hmac } from 'k6/crypto';
import { b64encode } from 'k6/encoding';

import { count, text } from './env.ts';

interface Given {
  user: string;
  token: string;
}

const secret = text('HUBBUB_SECRET', '');
const issuer = text('HUBBUB_ISSUER', 'hubbub');
const audience = text('HUBBUB_AUDIENCE', 'hubbub');
const lifetimeSeconds = count('TOKEN_SECONDS', 3600);
const given = readGiven(text('HUBBUB_TOKENS', ''));
const kept = new Map<string, { token: string; expires: number }>();

/** `[{"user": …, "token": …}, …]`. `open` is there while a script is loaded, and only then. */
function readGiven(path: string): Given[] | undefined {
  if (path === '') return undefined;
  const people = JSON.parse(open(path)) as Given[];
  if (!Array.isArray(people) || people.some((one) => !one.user || !one.token)) {
    throw new Error(`HUBBUB_TOKENS: ${path} is not a list of {user, token}`);
  }
  return people;
}

/** The name of somebody in a run. */
export function userName(run: string, kind: string, index: number): string {
  if (!given) return `k6-${run}-${kind}-${index}`;
  // Everybody of a run is somebody else, whatever they are there for.
  const place = kind === 'client' ? index : given.length - 1 - index;
  const one = given[place];
  if (!one || place < 0) throw new Error(`HUBBUB_TOKENS has ${given.length} people; more are needed`);
  return one.user;
}

/** A token that is good for a while yet. */
export function token(user: string): string {
  if (given) {
    const one = given.find((candidate) => candidate.user === user);
    if (!one) throw new Error(`HUBBUB_TOKENS has no ${user}`);
    return one.token;
  }
  if (secret === '') throw new Error('set HUBBUB_SECRET (auth.secret of the cluster) or HUBBUB_TOKENS');
  const now = Math.floor(Date.now() / 1000);
  const known = kept.get(user);
  if (known && known.expires > now + lifetimeSeconds / 2) return known.token;
  const fresh = sign(user, now);
  kept.set(user, { token: fresh, expires: now + lifetimeSeconds });
  return fresh;
}

function sign(user: string, now: number): string {
  const claims = { iss: issuer, aud: audience, sub: user, iat: now, exp: now + lifetimeSeconds };
  const head = b64encode(JSON.stringify({ alg: 'HS256', typ: 'JWT' }), 'rawurl');
  const body = b64encode(JSON.stringify(claims), 'rawurl');
  const signature = hmac('sha256', secret, `${head}.${body}`, 'base64rawurl') as string;
  return `${head}.${body}.${signature}`;
}
