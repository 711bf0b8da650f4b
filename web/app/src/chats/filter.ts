/** Finding chats and people by a few letters: case, width and accents make no difference. */

export function fold(text: string): string {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLocaleLowerCase();
}

/** How well a name answers a query: 0 not at all, 3 when it begins with it, 2 a word of it, 1 anywhere. */
export function rank(name: string, query: string): number {
  const [folded, wanted] = [fold(name), fold(query.trim())];
  if (!wanted) return 1;
  const at = folded.indexOf(wanted);
  if (at < 0) return 0;
  if (at === 0) return 3;
  return /[\s\p{P}]/u.test(folded[at - 1] ?? "") ? 2 : 1;
}
