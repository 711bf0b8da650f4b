// k6 has a console; its types leave it to the DOM's, which would bring much that k6 has not.
declare const console: { error(...words: unknown[]): void; warn(...words: unknown[]): void; log(...words: unknown[]): void };
