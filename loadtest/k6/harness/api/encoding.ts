// k6/encoding

export type Encoding = 'std' | 'rawstd' | 'url' | 'rawurl';

export function b64encode(input: string | ArrayBuffer, encoding: Encoding = 'std'): string {
  const bytes = typeof input === 'string' ? Buffer.from(input, 'utf8') : Buffer.from(input);
  const standard = bytes.toString('base64');
  const alphabet = encoding.endsWith('url') ? standard.replaceAll('+', '-').replaceAll('/', '_') : standard;
  return encoding.startsWith('raw') ? alphabet.replaceAll('=', '') : alphabet;
}
