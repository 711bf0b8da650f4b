/** What Enter means in the composer. */

export interface KeyPress {
  readonly key: string;
  readonly isComposing: boolean;
  readonly keyCode: number;
  readonly shiftKey: boolean;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
}

/**
 * Whether an input method is at work: the key belongs to it. Safari ends the composition before the keydown of the
 * Enter that ended it (WebKit bug 165004), so `isComposing` alone would send a half-written word; the key code 229
 * stays.
 */
export function isComposing(press: Pick<KeyPress, "isComposing" | "keyCode">): boolean {
  return press.isComposing || press.keyCode === 229;
}

/** Whether the key sends the message. */
export function sends(press: KeyPress, ctrlEnterSends: boolean): boolean {
  if (press.key !== "Enter" || isComposing(press) || press.shiftKey || press.altKey) return false;
  const withControl = press.ctrlKey || press.metaKey;
  return ctrlEnterSends ? withControl : true;
}
