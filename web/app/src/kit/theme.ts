/** Whether the page is dark now, for what CSS alone cannot do. */
import { computed, ref } from "vue";
import { settings } from "../settings/settings";

const query = matchMedia("(prefers-color-scheme: dark)");
const systemIsDark = ref(query.matches);
query.addEventListener("change", ({ matches }) => (systemIsDark.value = matches));

export const isDark = computed(() =>
  settings.theme === "system" ? systemIsDark.value : settings.theme === "dark",
);
