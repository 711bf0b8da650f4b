/// <reference types="vite/client" />

declare module "virtual:emoji/*" {
  /** The character, its name, its search words, its group. */
  const rows: readonly (readonly [string, string, string, number])[];
  export default rows;
}

declare module "@hubbub/client/worker?sharedworker&url" {
  const url: string;
  export default url;
}
