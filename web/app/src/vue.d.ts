export {};

declare module "vue" {
  interface HTMLAttributes {
    [data: `data-${string}`]: string | number | boolean | undefined;
    popover?: "auto" | "manual" | undefined;
  }
}
