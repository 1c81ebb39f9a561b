import { errorOf, StepledgerError } from './error.ts'

export type RequestOptions = {
  /** Ends the request and its retries. */
  signal?: AbortSignal | undefined
  /** Of a POST: one for all its attempts. Default: a random one. */
  idempotencyKey?: string | undefined
}

/** @internal */
type Send = (
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
  path: string,
  options?: RequestOptions & {
    body?: object | undefined
    headers?: Record<string, string>
    /** 1 for a request that the caller repeats by itself. Default 5. */
    attempts?: number
  },
) => Promise<Response>

/**
 * @internal
 * Requests with a key. What may pass by itself (no answer, 429, 503, and 409 with Retry-After) is tried again, the POSTs
 * under one Idempotency-Key, with exponential backoff and jitter, or when the service says so.
 */
export function sender(options: { baseUrl: string; key: string; fetch?: typeof fetch | undefined }): Send {
  const { key } = options
  const baseUrl = options.baseUrl.replace(/\/+$/, '')
  // Browsers refuse to have their fetch called as a method of something else.
  const request = options.fetch ?? ((input, init) => globalThis.fetch(input, init))

  const once = async (url: string, init: RequestInit): Promise<Response> => {
    let response: Response
    try {
      response = await request(url, init)
    } catch (cause) {
      if (init.signal?.aborted) throw cause
      throw new StepledgerError('The service cannot be reached', { code: 'unreachable', status: 0, cause })
    }
    if (!response.ok) throw await errorOf(response)
    return response
  }

  return async (method, path, { body, headers, signal, idempotencyKey, attempts = 5 } = {}) => {
    const init: RequestInit = {
      method,
      headers: {
        'X-API-Key': key,
        ...(method === 'POST' && { 'Idempotency-Key': idempotencyKey ?? randomKey() }),
        ...(body && { 'Content-Type': 'application/json' }),
        ...headers,
      },
      ...(body && { body: JSON.stringify(body) }),
      ...(signal && { signal }),
      cache: 'no-store',
    }
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await once(`${baseUrl}/api/v1${path}`, init)
      } catch (error) {
        const waitMs = error instanceof StepledgerError ? waitOf(error, attempt) : undefined
        if (waitMs === undefined || attempt >= attempts) throw error
        await pause(waitMs, signal)
      }
    }
  }
}

/** @internal Exponential, with jitter, 0.25 s to 8 s. */
export const backoffMs = (attempt: number) =>
  Math.min(8_000, 250 * 2 ** (attempt - 1)) * (0.75 + Math.random() / 2)

/** @internal @throws the signal's reason */
export function pause(timeoutMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const end = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', end)
      resolve()
    }, timeoutMs)
    signal?.addEventListener('abort', end, { once: true })
  })
}

/** Until the next attempt; undefined: the answer stands. Who is told to wait longer than a person would, is told. */
function waitOf({ code, status, retryAfterSeconds }: StepledgerError, attempt: number): number | undefined {
  const mayPass =
    code === 'unreachable' ||
    status === 429 ||
    status === 503 ||
    (status === 409 && retryAfterSeconds !== undefined)
  if (!mayPass || (retryAfterSeconds ?? 0) > longestWaitSeconds) return undefined
  return Math.max(backoffMs(attempt), (retryAfterSeconds ?? 0) * 1000)
}

const longestWaitSeconds = 30

/** @internal 128 random bits. `crypto.randomUUID` is missing on pages that came over plain http. */
export function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
