// k6/crypto

import { createHmac } from 'node:crypto';

const encodings = {
  hex: 'hex',
  base64: 'base64',
  base64rawurl: 'base64url',
} as const;

export function hmac(algorithm: 'sha256', secret: string, data: string, encoding: keyof typeof encodings): string {
  if (algorithm !== 'sha256' || !(encoding in encodings)) {
    throw new Error(`the harness does not implement hmac(${algorithm}, …, ${encoding})`);
  }
  return createHmac(algorithm, secret).update(data, 'utf8').digest(encodings[encoding]);
}
