// An open model for requests: so many iterations begin in a second, whatever the answers take.

import type { ConstantArrivalRateScenario } from 'k6/options';

import { count, number } from './env.ts';

export interface Arrivals {
  /** Iterations begun in a second. */
  rate: number;
  seconds: number;
  /** Iterations at work at once; those that find none free are dropped, and counted. */
  vus: number;
}

export function arrivals(unlessTold: Arrivals): Arrivals {
  return {
    rate: number('RATE', unlessTold.rate, 0.001),
    seconds: number('DURATION_SECONDS', unlessTold.seconds, 1),
    vus: count('VUS', unlessTold.vus),
  };
}

export function openRate({ rate, seconds, vus }: Arrivals): ConstantArrivalRateScenario {
  return {
    executor: 'constant-arrival-rate',
    // k6 takes whole numbers only: so many in ten seconds.
    rate: Math.max(1, Math.round(rate * 10)),
    timeUnit: '10s',
    duration: `${Math.ceil(seconds)}s`,
    preAllocatedVUs: vus,
    maxVUs: vus,
    gracefulStop: '10s',
  };
}
