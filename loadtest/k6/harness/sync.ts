// k6's HTTP and gRPC calls block the VU. Here a second thread makes the call, and the VU's thread sleeps until the
// answer is there.

import { MessageChannel, Worker, receiveMessageOnPort } from 'node:worker_threads';

/** No call takes longer: each has a timeout of its own below it. */
const LONGEST_MS = 120_000;

type Call = (request: unknown) => unknown;

let call: Call | undefined;

function start(): Call {
  const signal = new Int32Array(new SharedArrayBuffer(4));
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(new URL('./blocking-io.ts', import.meta.url), {
    workerData: { signal, port: port2 },
    transferList: [port2],
  });
  worker.unref();
  port1.unref();
  return (request) => {
    Atomics.store(signal, 0, 0);
    port1.postMessage(request);
    if (Atomics.wait(signal, 0, 0, LONGEST_MS) === 'timed-out') throw new Error('the call did not end');
    const received = receiveMessageOnPort(port1);
    if (!received) throw new Error('the call ended without an answer');
    const { value, error } = received.message as { value?: unknown; error?: string };
    if (error !== undefined) throw new Error(error);
    return value;
  };
}

export function callSync<T>(request: unknown): T {
  call ??= start();
  return call(request) as T;
}
