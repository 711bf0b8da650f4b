// The thread that makes a VU's HTTP and gRPC calls while the VU waits (sync.ts).

import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { workerData } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';

import * as grpc from '@grpc/grpc-js';
import * as protoLoader from '@grpc/proto-loader';

export interface HttpCall {
  kind: 'http';
  requests: { method: string; url: string; headers: Record<string, string>; body: string | null }[];
}

export interface HttpAnswer {
  status: number;
  body: string;
  error: string;
  headers: Record<string, string>;
  ms: number;
}

export interface GrpcCall {
  kind: 'grpc';
  address: string;
  plaintext: boolean;
  folders: string[];
  file: string;
  method: string;
  message: unknown;
  metadata: Record<string, string>;
  timeoutMs: number;
}

export interface GrpcAnswer {
  status: number;
  message: unknown;
  error: string | null;
  ms: number;
}

const HTTP_TIMEOUT_MS = 60_000;
const agents = { 'http:': new http.Agent({ keepAlive: true }), 'https:': new https.Agent({ keepAlive: true }) };

function request({ method, url, headers, body }: HttpCall['requests'][number]): Promise<HttpAnswer> {
  const begun = performance.now();
  return new Promise((resolve) => {
    const failed = (error: Error): void =>
      resolve({ status: 0, body: '', error: error.message, headers: {}, ms: performance.now() - begun });
    const target = new URL(url);
    const secure = target.protocol === 'https:';
    const options = { method, headers, agent: agents[secure ? 'https:' : 'http:'], timeout: HTTP_TIMEOUT_MS };
    const sent = (secure ? https : http).request(target, options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', failed);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          body: Buffer.concat(chunks).toString('utf8'),
          error: '',
          headers: Object.fromEntries(Object.entries(response.headers).map(([name, value]) => [name, String(value)])),
          ms: performance.now() - begun,
        }),
      );
    });
    sent.on('timeout', () => sent.destroy(new Error('request timeout')));
    sent.on('error', failed);
    sent.end(body ?? undefined);
  });
}

const clients = new Map<string, grpc.Client>();
const packages = new Map<string, grpc.GrpcObject>();

function client(call: GrpcCall, service: string): grpc.Client {
  const key = `${call.address} ${service}`;
  const known = clients.get(key);
  if (known) return known;
  const file = call.file;
  const loaded =
    packages.get(file) ??
    grpc.loadPackageDefinition(
      protoLoader.loadSync(file, {
        includeDirs: call.folders,
        keepCase: false,
        longs: String,
        enums: String,
        bytes: String,
        defaults: true,
        oneofs: false,
      }),
    );
  packages.set(file, loaded);
  const found = service.split('.').reduce<unknown>((at, part) => (at as Record<string, unknown>)[part], loaded);
  const credentials = call.plaintext
    ? grpc.credentials.createInsecure()
    : grpc.credentials.createSsl(process.env['SSL_CERT_FILE'] ? readFileSync(process.env['SSL_CERT_FILE']) : null);
  const made = new (found as grpc.ServiceClientConstructor)(call.address, credentials);
  clients.set(key, made);
  return made;
}

/** k6 takes a message's fields by their names in the proto file; protobufjs wants them in camel case. */
function camel(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(camel);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
      camel(inner),
    ]),
  );
}

type Method = (
  message: unknown,
  metadata: grpc.Metadata,
  options: grpc.CallOptions,
  answered: (error: grpc.ServiceError | null, message: unknown) => void,
) => void;

function invoke(call: GrpcCall): Promise<GrpcAnswer> {
  const begun = performance.now();
  const [service, method] = call.method.split('/') as [string, string];
  const stub = client(call, service) as unknown as Record<string, Method>;
  const metadata = new grpc.Metadata();
  for (const [name, value] of Object.entries(call.metadata)) metadata.set(name, value);
  const options = { deadline: Date.now() + call.timeoutMs };
  return new Promise((resolve) => {
    stub[method]!.call(stub, camel(call.message), metadata, options, (error, message) => {
      const ms = performance.now() - begun;
      if (error) resolve({ status: error.code, message: null, error: error.details, ms });
      else resolve({ status: grpc.status.OK, message, error: null, ms });
    });
  });
}

const { signal, port } = workerData as { signal: Int32Array; port: MessagePort };
port.on('message', (call: HttpCall | GrpcCall) => {
  const made: Promise<unknown> = call.kind === 'http' ? Promise.all(call.requests.map(request)) : invoke(call);
  made
    .then((value) => port.postMessage({ value }))
    .catch((error: Error) => port.postMessage({ error: error.message }))
    .finally(() => {
      Atomics.store(signal, 0, 1);
      Atomics.notify(signal, 0);
    });
});
