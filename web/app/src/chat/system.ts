/** What a room says of itself, in words. */
import type { SystemNotice, UserId } from "@hubbub/client";
import { t } from "../i18n";
import { countdown } from "../i18n/dates";

export function systemText(notice: SystemNotice, name: (user: UserId) => string): string {
  switch (notice.event) {
    case "created":
      return t("system.created", { actor: name(notice.by) });
    case "joined":
      return t("system.joined", { actor: name(notice.user) });
    case "left":
      return t("system.left", { actor: name(notice.user) });
    case "invited":
      return t("system.invited", { actor: name(notice.by), users: name(notice.user) });
    case "removed":
      return t("system.removed", { actor: name(notice.by), users: name(notice.user) });
    case "role_set": {
      const role = t(`details.role.${notice.role}`);
      return t("system.role_set", { actor: name(notice.by), users: name(notice.user), role });
    }
    case "renamed":
      return t("system.renamed", { actor: name(notice.by), text: notice.name });
    case "topic_set":
      if (!notice.topic) return t("system.topic_cleared", { actor: name(notice.by) });
      return t("system.topic_set", { actor: name(notice.by), text: notice.topic });
    case "state_set":
      return t(`system.state_set.${notice.state}`, { actor: name(notice.by) });
    case "slow_mode_set":
      if (!notice.seconds) return t("system.slow_mode_off", { actor: name(notice.by) });
      return t("system.slow_mode_set", { actor: name(notice.by), time: countdown(notice.seconds * 1000) });
    case "announced":
      return t("system.announced", { text: notice.text });
    default:
      return t("system.other");
  }
}
