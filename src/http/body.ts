import { createMiddleware } from 'hono/factory'
import { AppError, InvalidRequest } from '../errors.ts'
import type { Env } from './env.ts'
import { forbiddenPart, nesting } from './json-shape.ts'

type BodyOptions = {
  limitBytes: number
  /** For the whole body, from the first byte that is awaited. */
  timeoutMs: number
  /** false: only read, for what is signed as it stands. */
  json: boolean
}

/**
 * Reads the body once, with a limit and in bounded time, and sets `c.get('body')` to the JSON object in it whatever
 * the Content-Type says: callers forget it. Schemas come later, at the route.
 * @throws AppError body_too_large, request_timeout, malformed_request; InvalidRequest
 */
export function readBody({ limitBytes, timeoutMs, json }: BodyOptions) {
  return createMiddleware<Env>(async (c, next) => {
    if (c.req.method === 'GET' || c.req.method === 'HEAD') return next()
    const { bytes, isWhole } = await readUpTo(c.req.raw.body, limitBytes, timeoutMs)
    // Nesting is looked at first: what nobody would parse is malformed, whatever its length.
    if (json && nesting(bytes) > maxNesting)
      throw new AppError('malformed_request', `The body is nested deeper than ${maxNesting} levels`)
    if (!isWhole)
      throw new AppError('body_too_large', `The body is larger than ${limitBytes} bytes`, {
        details: { limit_bytes: limitBytes },
      })
    const text = decode(bytes)
    if (json) c.set('body', parse(text))
    // Hono's type leaves out that the cache holds promises.
    else Object.assign(c.req.bodyCache, { text: Promise.resolve(text) })
    return next()
  })
}

const maxNesting = 64

/** The first `limitBytes` bytes, and whether that was all. */
async function readUpTo(stream: ReadableStream<Uint8Array> | null, limitBytes: number, timeoutMs: number) {
  const chunks: Uint8Array[] = []
  let size = 0
  if (stream === null) return { bytes: Buffer.alloc(0), isWhole: true }
  const reader = stream.getReader()
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => reject(new AppError('request_timeout', `The body did not arrive within ${timeoutMs} ms`)),
    timeoutMs,
  )
  try {
    while (size <= limitBytes) {
      const { done, value } = await Promise.race([reader.read(), late])
      if (done) return { bytes: Buffer.concat(chunks), isWhole: true }
      chunks.push(value)
      size += value.byteLength
    }
    void reader.cancel().catch(() => {})
    return { bytes: Buffer.concat(chunks).subarray(0, limitBytes), isWhole: false }
  } catch (error) {
    void reader.cancel().catch(() => {})
    if (error instanceof AppError) throw error
    throw new AppError('malformed_request', 'The body ended before it was complete', { cause: error })
  } finally {
    clearTimeout(timer)
  }
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new AppError('malformed_request', 'The body is not UTF-8')
  }
}

function parse(text: string): Record<string, unknown> | undefined {
  if (text.trim() === '') return undefined
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    // The parser's own message quotes the body.
    throw new AppError('malformed_request', 'The body is not JSON')
  }
  if (!isObject(body)) throw new AppError('malformed_request', 'The body must be a JSON object')
  const problem = forbiddenPart(body)
  if (problem !== undefined) throw new InvalidRequest([problem])
  return body
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value)
