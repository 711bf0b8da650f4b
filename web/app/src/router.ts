/** The addresses of the client. Each can be shared; those behind sign-in come back after it. */
import { createRouter, createWebHistory } from "vue-router";
import { isSignedIn } from "./session/session";

export const router = createRouter({
  history: createWebHistory("/"),
  routes: [
    {
      path: "/sign-in",
      name: "sign-in",
      component: () => import("./screens/SignIn.vue"),
      meta: { open: true },
    },
    {
      path: "/",
      component: () => import("./screens/Shell.vue"),
      children: [
        { path: "", name: "home", component: () => import("./screens/Nothing.vue") },
        {
          path: "r/:room/:seq(\\d+)?",
          name: "room",
          component: () => import("./talk/Conversation.vue"),
          props: true,
        },
        { path: "u/:user", name: "user", component: () => import("./screens/Arrive.vue"), props: true },
        { path: "j/:room", name: "join", component: () => import("./screens/Arrive.vue"), props: true },
        {
          path: "new/:kind(group|public)?",
          name: "new",
          component: () => import("./people/StartChat.vue"),
          props: true,
        },
        { path: "people", name: "people", component: () => import("./people/People.vue") },
        { path: "settings", name: "settings", component: () => import("./settings/SettingsScreen.vue") },
      ],
    },
    { path: "/:rest(.*)*", redirect: "/" },
  ],
});

router.beforeEach((to) => {
  if (to.meta["open"] !== true && !isSignedIn.value) {
    return to.path === "/" ? { name: "sign-in" } : { name: "sign-in", query: { next: to.fullPath } };
  }
  if (to.name === "sign-in" && isSignedIn.value) return { path: next(to.query["next"]) };
  return true;
});

/** Where to go after sign-in: a path of this client, never another site. */
export function next(wanted: unknown): string {
  return typeof wanted === "string" && /^\/(?![/\\])/.test(wanted) ? wanted : "/";
}
