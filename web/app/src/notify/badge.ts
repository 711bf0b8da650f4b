/** The number of unread messages in the title, on the icon of the tab, and on that of the installed app. */

type Badging = Navigator & {
  setAppBadge?: (count: number) => Promise<void>;
  clearAppBadge?: () => Promise<void>;
};

export function titleWith(count: number): string {
  return count > 0 ? `(${count > 99 ? "99+" : count}) hubbub` : "hubbub";
}

let dotted: boolean | undefined;

export function showBadge(count: number, mentions: number): void {
  document.title = titleWith(count);
  const app = navigator as Badging;
  void (count > 0 ? app.setAppBadge?.(count) : app.clearAppBadge?.())?.catch(() => undefined);
  const withDot = count + mentions > 0;
  if (withDot === dotted) return;
  dotted = withDot;
  const link = document.querySelector<HTMLLinkElement>("link[rel=icon]");
  if (link) link.href = withDot ? "/icon-unread.svg" : "/icon.svg";
}
