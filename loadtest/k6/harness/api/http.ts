// k6/http

import type { HttpAnswer, HttpCall } from '../blocking-io.ts';
import { add } from '../registry.ts';
import { callSync } from '../sync.ts';

interface Params {
  headers?: Record<string, string>;
  tags?: Record<string, string>;
}

interface BatchRequest {
  method: string;
  url: string;
  body?: string | null;
  params?: Params;
}

export interface HttpResponse {
  status: number;
  body: string;
  error: string;
  url: string;
  headers: Record<string, string>;
  request: { method: string; url: string };
}

function send(requests: BatchRequest[]): HttpResponse[] {
  const call: HttpCall = {
    kind: 'http',
    requests: requests.map(({ method, url, body, params }) => ({
      method,
      url,
      headers: params?.headers ?? {},
      body: body ?? null,
    })),
  };
  const answers = callSync<HttpAnswer[]>(call);
  return requests.map(({ method, url, params }, index) => {
    const { status, body, error, headers, ms } = answers[index] as HttpAnswer;
    const tags = { name: url, method, status: String(status), ...params?.tags };
    const failed = status === 0 || status >= 400;
    add('http_reqs', 1, tags);
    add('http_req_duration', ms, tags);
    add('http_req_failed', Number(failed), tags);
    return { status, body, error, url, headers, request: { method, url } };
  });
}

const http = {
  request(method: string, url: string, body: string | null = null, params: Params = {}): HttpResponse {
    return send([{ method, url, body, params }])[0] as HttpResponse;
  },
  batch: send,
};

export default http;
