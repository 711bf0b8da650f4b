import { HubbubError, type ErrorCode, type ErrorShape } from "./errors.js";

const TIMEOUT = 15_000;

const BY_STATUS: Record<number, ErrorCode> = {
  400: "bad_request",
  401: "unauthenticated",
  403: "forbidden",
  404: "not_found",
  409: "conflict",
  413: "too_large",
  429: "rate_limited",
  500: "internal",
};

/** Calls a route; gives its JSON, or throws what the server says. */
export async function rest<T>(
  fetch: typeof globalThis.fetch,
  url: string | URL,
  path: string,
  { method = "POST", token, body }: { method?: string; token?: string; body?: object } = {},
): Promise<T> {
  const headers: Record<string, string> = {};
  if (token) headers["authorization"] = `Bearer ${token}`;
  if (body) headers["content-type"] = "application/json";
  const init: RequestInit = { method, headers, signal: AbortSignal.timeout(TIMEOUT) };
  if (body) init.body = JSON.stringify(body);
  let response: Response;
  try {
    response = await fetch(below(url, path), init);
  } catch {
    throw new HubbubError({
      code: "unavailable",
      message: "the server cannot be reached",
      retryable: true,
    });
  }
  const text = await response.text().catch(() => "");
  const answer = parse(text);
  if (response.ok) return answer as T;
  throw refusal(response, answer);
}

/** The address of a route of the server at `url`, which may be served below a path. */
export function below(url: string | URL, path: string): string {
  const base = new URL(url);
  return `${base.origin}${base.pathname.replace(/\/$/, "")}${path}`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}

function refusal({ status, headers }: Response, answer: unknown): HubbubError {
  const { error = {} } = answer as { error?: Partial<ErrorShape> };
  const { code, message, retryable, retry_after_ms } = error;
  const after = Number(headers.get("retry-after"));
  const wait = retry_after_ms ?? (after > 0 ? after * 1000 : undefined);
  return new HubbubError({
    code: code ?? BY_STATUS[status] ?? "unavailable",
    message: message ?? `the server answered ${status}`,
    retryable: retryable ?? (status === 429 || status >= 502),
    ...(wait === undefined ? {} : { retry_after_ms: wait }),
  });
}
