import type { ServerErrorCode } from "./wire.js";

/** The server's error codes (`docs/protocol.md`), and two of this library's own. */
export type ErrorCode =
  | ServerErrorCode
  /** The client was closed, by the caller or for good by the server. */
  | "closed"
  /** The caller gave up: a message was discarded from the outbox. */
  | "cancelled";

/** What an error says on the wire. */
export interface ErrorShape {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryable: boolean;
  readonly retry_after_ms?: number;
}

/**
 * A refusal, or a failure to reach the server (`unavailable`). Decide by `code`, never by the text.
 */
export class HubbubError extends Error implements ErrorShape {
  override readonly name = "HubbubError";
  readonly code: ErrorCode;
  /** The same request may pass later. */
  readonly retryable: boolean;
  readonly retry_after_ms?: number;

  constructor(shape: ErrorShape) {
    super(shape.message);
    this.code = shape.code;
    this.retryable = shape.retryable;
    if (shape.retry_after_ms !== undefined) this.retry_after_ms = shape.retry_after_ms;
  }
}

/** `getToken` throws it to say that there will be no token: the client closes for good. */
export class Unauthorized extends HubbubError {
  constructor(message = "the login has ended; sign in again") {
    super({ code: "unauthenticated", message, retryable: false });
  }
}
