// What can go wrong, as the service says it: one class for each status that the documentation names.

export class SttAiError extends Error {
  /** Base of all. `code` is stable; `retryAfter` in seconds, where the service names a time. */
  constructor(message, { code = "error", status = null, requestId = null, retryAfter = null, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = code;
    this.status = status;
    this.requestId = requestId;
    this.retryAfter = retryAfter;
  }
}

export class BadRequest extends SttAiError {}
export class AuthenticationFailed extends SttAiError {}
export class PaymentRequired extends SttAiError {}
export class NotFound extends SttAiError {}
export class Conflict extends SttAiError {}
export class TooLarge extends SttAiError {}
export class RateLimited extends SttAiError {}
export class Unavailable extends SttAiError {}
export class ServerError extends SttAiError {}

/** There was no answer. */
export class ConnectionFailed extends SttAiError {
  constructor(message, details = {}) {
    super(message, { code: "connection_failed", ...details });
  }
}

/** A file that is sent in pieces did not arrive whole. With `uploadId` only the rest is sent. */
export class UploadInterrupted extends ConnectionFailed {
  constructor(message, uploadId, details = {}) {
    super(message, details);
    this.uploadId = uploadId;
  }
}

/** A job that was waited for ended without a transcript: it was cancelled, or has expired. */
export class JobEnded extends SttAiError {}

/** A live stream ended before it was stopped. `closeCode` is the WebSocket's. */
export class StreamClosed extends SttAiError {
  constructor(message, { closeCode = null, ...details } = {}) {
    super(message, { code: "stream_closed", ...details });
    this.closeCode = closeCode;
  }
}

const BY_STATUS = {
  400: BadRequest,
  401: AuthenticationFailed,
  402: PaymentRequired,
  404: NotFound,
  405: BadRequest,
  409: Conflict,
  413: TooLarge,
  429: RateLimited,
  502: ConnectionFailed, // the service may have done the work
  503: Unavailable,
  504: ConnectionFailed,
};

/** The error that an answer spells; one that is not the service's own, such as a proxy's page, too. */
export function errorOf(status, header, text) {
  const body = parsed(text);
  // Ray Serve's proxies say so when the service's connection broke, and while they do not know it yet.
  const lost = body.error === undefined && (status === 500 || text.includes("/-/routes"));
  const Kind = lost ? ConnectionFailed : (BY_STATUS[status] ?? (status >= 500 ? ServerError : BadRequest));
  const after = Number.parseFloat(header("retry-after"));
  return new Kind(body.error ?? `The server answered ${status}, not in the service’s form. Is this the service’s address?`, {
    code: body.code ?? `http_${status}`,
    status,
    requestId: body.request_id ?? header("x-request-id"),
    retryAfter: Number.isFinite(after) ? after : null,
  });
}

const BY_CODE = Object.fromEntries(
  [
    [BadRequest, "bad_request invalid_parameter malformed_body unsupported_encoding frame_too_large"],
    [AuthenticationFailed, "unauthorized"],
    [PaymentRequired, "no_credits"],
    [RateLimited, "rate_limited"],
    [TooLarge, "file_too_large source_too_large audio_too_long"],
    [Unavailable, "unavailable overloaded storage_full model_loading model_unavailable replica_lost lease_expired"],
    [ServerError, "internal_error"],
  ].flatMap(([Kind, codes]) => codes.split(" ").map((code) => [code, Kind])),
);

/** The error that a job failed with. */
export const errorOfJob = (message) => errorOfMessage(message, null, BadRequest);

/** The error in the last message of a stream, or in an event of a summary. `Other`: where its code is not known. */
export function errorOfMessage(message, closeCode = null, Other = StreamClosed) {
  const Kind = BY_CODE[message.code] ?? Other;
  const error = new Kind(message.error, {
    code: message.code,
    requestId: message.request_id ?? null,
    retryAfter: message.retry_after ?? null,
    closeCode,
  });
  error.retryable = message.retryable ?? false;
  return error;
}

function parsed(text) {
  try {
    const body = JSON.parse(text);
    return body !== null && typeof body === "object" ? body : {};
  } catch {
    return {};
  }
}
