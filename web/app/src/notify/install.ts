/** The browser's offer to install the client as an app; it is taken when the user asks for it. */
import { shallowRef } from "vue";

export const install = shallowRef<(() => void) | undefined>();

addEventListener("beforeinstallprompt", (event) => {
  event.preventDefault();
  install.value = () => {
    void (event as Event & { prompt?: () => Promise<unknown> }).prompt?.();
    install.value = undefined;
  };
});
