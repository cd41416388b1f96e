/** Answers that say what went wrong (RFC 9457), in the members that the orchestrator reads: `code`, `detail`, `retryable`. */
export interface Problem {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly retryable: boolean;
  readonly retryAfterMs?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

export function problemResponse({ status, code, detail, retryable, retryAfterMs, headers }: Problem): Response {
  return new Response(
    JSON.stringify({ type: "about:blank", title: TITLES[status] ?? "The work failed", status, code, detail, retryable }),
    {
      status,
      headers: {
        "content-type": "application/problem+json",
        ...(retryAfterMs !== undefined && { "retry-after": String(Math.ceil(retryAfterMs / 1_000)) }),
        ...headers,
      },
    },
  );
}

const TITLES: Readonly<Record<number, string>> = {
  400: "The request is not valid",
  401: "A valid signature is required",
  404: "Not found",
  405: "The method is not allowed here",
  409: "The attempt was canceled",
  413: "The body is too large",
};
