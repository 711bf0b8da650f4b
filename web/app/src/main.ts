import "./style/tokens.css";
import "./style/base.css";
import { createApp } from "vue";
import App from "./App.vue";
import { preferred, speak } from "./i18n";
import "./notify/install";
import { keepUpToDate, reloadWhenOutdated } from "./notify/update";
import { router } from "./router";
import { isSignedIn, resume } from "./session/session";
import { applySettings, settings } from "./settings/settings";

applySettings();
reloadWhenOutdated();
resume();
// The screens that come next travel while the language does.
if (isSignedIn.value) {
  void import("./screens/Shell.vue");
  if (location.pathname.startsWith("/r/")) void import("./talk/Conversation.vue");
}
// English is here already; another language is a moment away, and the page waits for it instead of flickering.
await speak(settings.language ?? preferred(navigator.languages)).catch(() => undefined);
createApp(App).use(router).mount("#app");
void keepUpToDate();
