// Where the scenario's file is: k6 resolves paths from there.

import { dirname } from 'node:path';

let folder = '.';

export function setScript(path: string): void {
  folder = dirname(path);
}

export function scriptFolder(): string {
  return folder;
}
