import "./style/tokens.css";
import "./style/base.css";
import { createApp } from "vue";
import App from "./App.vue";
import { preferred, speak } from "./i18n";
import "./notify/install";
import { keepUpToDate } from "./notify/update";
import { router } from "./router";
import { resume } from "./session/session";
import { applySettings, settings } from "./settings/settings";

applySettings();
resume();
// English is here already; another language is a moment away, and the page waits for it instead of flickering.
await speak(settings.language ?? preferred(navigator.languages)).catch(() => undefined);
createApp(App).use(router).mount("#app");
void keepUpToDate();
