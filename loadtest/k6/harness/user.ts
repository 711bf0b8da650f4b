// The main thread's handle of a virtual user.

import { Worker } from 'node:worker_threads';

import type { FromVu, Report, ToVu, VuData } from './messages.ts';

export interface Loaded {
  options: unknown;
  hasSetup: boolean;
  hasSummary: boolean;
}

export class VirtualUser {
  private readonly worker: Worker;
  private readonly heard: (report: Report) => void;
  private waiting: { resolve: (value: unknown) => void; reject: (error: Error) => void } | undefined;

  constructor(data: VuData, heard: (report: Report) => void) {
    this.heard = heard;
    this.worker = new Worker(new URL('./vu.ts', import.meta.url), { workerData: data });
    this.worker.on('message', (message: FromVu) => this.hear(message));
    this.worker.on('error', (error) => this.settle((waiting) => waiting.reject(error)));
    this.worker.on('exit', () => this.settle((waiting) => waiting.reject(new Error('the VU ended'))));
  }

  /** Loads the scenario. */
  load(): Promise<Loaded> {
    return this.answer() as Promise<Loaded>;
  }

  /** One order at a time. */
  do(order: ToVu): Promise<unknown> {
    const answer = this.answer();
    this.worker.postMessage(order);
    return answer;
  }

  async end(): Promise<void> {
    await this.worker.terminate();
  }

  private answer(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
    });
  }

  private hear(message: FromVu): void {
    this.heard(message.report);
    if (message.type === 'loaded') this.settle((waiting) => waiting.resolve(message));
    if (message.type === 'done') this.settle((waiting) => waiting.resolve(message.value));
    if (message.type === 'failed') this.settle((waiting) => waiting.reject(new Error(message.error)));
  }

  private settle(settled: (waiting: NonNullable<VirtualUser['waiting']>) => void): void {
    const { waiting } = this;
    this.waiting = undefined;
    if (waiting) settled(waiting);
  }
}
