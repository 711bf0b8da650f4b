// k6/net/grpc: unary calls.

import { resolve } from 'node:path';

import type { GrpcAnswer, GrpcCall } from '../blocking-io.ts';
import { add } from '../registry.ts';
import { scriptFolder } from '../script.ts';
import { callSync } from '../sync.ts';

interface InvokeParams {
  metadata?: Record<string, string>;
  tags?: Record<string, string>;
  timeout?: string;
}

class Client {
  private folders: string[] = [];
  private file = '';
  private address = '';
  private plaintext = false;

  load(folders: string[], file: string): void {
    this.folders = folders.map((folder) => resolve(scriptFolder(), folder));
    this.file = file;
  }

  connect(address: string, params: { plaintext?: boolean } = {}): void {
    this.address = address;
    this.plaintext = params.plaintext ?? false;
  }

  invoke(method: string, message: object, params: InvokeParams = {}): Omit<GrpcAnswer, 'ms'> {
    const call: GrpcCall = {
      kind: 'grpc',
      address: this.address,
      plaintext: this.plaintext,
      folders: this.folders,
      file: this.file,
      method,
      message,
      metadata: params.metadata ?? {},
      timeoutMs: milliseconds(params.timeout ?? '60s'),
    };
    const { status, message: answer, error, ms } = callSync<GrpcAnswer>(call);
    add('grpc_req_duration', ms, { name: method, ...params.tags });
    return { status, message: answer, error };
  }

  close(): void {
    this.address = '';
  }
}

function milliseconds(duration: string): number {
  const found = /^(\d+)(ms|s|m)$/.exec(duration);
  if (!found) throw new Error(`${duration} is not a duration such as 5s`);
  return Number(found[1]) * { ms: 1, s: 1000, m: 60_000 }[found[2] as 'ms' | 's' | 'm'];
}

export { Client };

export default { Client, StatusOK: 0 };
