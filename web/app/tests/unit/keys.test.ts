import { describe, expect, it } from "vitest";
import { isComposing, sends, type KeyPress } from "../../src/talk/keys";

const press = (more: Partial<KeyPress> = {}): KeyPress => ({
  key: "Enter",
  isComposing: false,
  keyCode: 13,
  shiftKey: false,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  ...more,
});

describe("Enter", () => {
  it("sends, and with Shift makes a line", () => {
    expect(sends(press(), false)).toBe(true);
    expect(sends(press({ shiftKey: true }), false)).toBe(false);
    expect(sends(press({ key: "a" }), false)).toBe(false);
  });

  it("with Ctrl or Command sends where the user wants it so", () => {
    expect(sends(press(), true)).toBe(false);
    expect(sends(press({ ctrlKey: true }), true)).toBe(true);
    expect(sends(press({ metaKey: true }), true)).toBe(true);
  });

  it("never sends while composing: keydown before compositionend (Chromium, Firefox)", () => {
    expect(sends(press({ isComposing: true, keyCode: 229 }), false)).toBe(false);
    expect(sends(press({ isComposing: true }), false)).toBe(false);
  });

  it("never sends while composing: compositionend before keydown (Safari)", () => {
    expect(sends(press({ isComposing: false, keyCode: 229 }), false)).toBe(false);
    expect(isComposing(press({ keyCode: 229 }))).toBe(true);
    expect(isComposing(press())).toBe(false);
  });
});
