import type { Context } from 'hono'
import { streamSSE } from 'hono/streaming'
import type { AppContext } from '../context.ts'
import { AppError, InvalidRequest } from '../errors.ts'
import type { Env } from './env.ts'

/** Open at once: under one session's token (a browser's tabs), under any other key (a server, a console), and in all. */
const most = { session: 10, key: 100, all: 500 }
const retryAfterSeconds = 10
/** How soon a stream ends when its key is revoked or its login is over. */
const lookMs = 1_000
/** A comment now and then keeps proxies from closing a quiet stream. */
const heartbeatMs = 15_000
/** A reply begins with its first bytes: a client of a stream that is quiet from the start shall know that it is open. */
const firstBeatMs = 100

/** `position`: the event's id, in the log. `type`: its name. */
type LiveEvent = { position: number; type?: string; data: unknown }

/** Answers with server-sent events: what `source` yields. It ends soon after `signal` is aborted. */
export type LiveStreams = (
  c: Context<Env>,
  source: (signal: AbortSignal) => AsyncIterable<LiveEvent>,
) => Response

/** After which event a client that comes back goes on. @throws InvalidRequest */
export function lastEventId(c: Context): number | undefined {
  const header = c.req.header('Last-Event-ID')
  if (header === undefined) return undefined
  if (/^\d{1,15}$/.test(header)) return Number(header)
  throw new InvalidRequest([{ path: 'Last-Event-ID', message: 'must be the id of an event of this stream' }])
}

/**
 * Replies that go on for hours: so many and no more, and none longer than its caller may come in. A stream ends when
 * its reader leaves, when the service stops, and when its key or login would be refused now.
 */
export function liveStreams({ closing, log }: Pick<AppContext, 'closing' | 'log'>): LiveStreams {
  const openOf = new Map<string, number>()
  let open = 0

  /** @throws AppError rate_limited */
  const take = (c: Context<Env>): (() => void) => {
    const { keyId, scope } = c.get('caller')
    const ofKey = openOf.get(keyId) ?? 0
    if (ofKey >= (scope === 'session' ? most.session : most.key) || open >= most.all)
      throw new AppError('rate_limited', 'Too many streams are open; close one, or come back in a moment', {
        retryAfterSeconds,
      })
    openOf.set(keyId, ofKey + 1)
    open += 1
    let isOpen = true
    return () => {
      if (!isOpen) return
      isOpen = false
      open -= 1
      const left = (openOf.get(keyId) ?? 1) - 1
      if (left === 0) openOf.delete(keyId)
      else openOf.set(keyId, left)
    }
  }

  return (c, source) => {
    c.header('X-Accel-Buffering', 'no')
    // Of a HEAD nobody would read the body, or ever leave it.
    if (c.req.method === 'HEAD') return c.body(null, 200, { 'Content-Type': 'text/event-stream' })
    const give = take(c)
    const isStillIn = c.get('isStillIn')
    return streamSSE(c, async (stream) => {
      const over = new AbortController()
      stream.onAbort(() => {
        // At once, not when the last write ends: a reader who has stopped reading holds no place.
        give()
        over.abort()
      })
      const cutOff = () => stream.abort()
      closing.addEventListener('abort', cutOff)
      if (closing.aborted) cutOff()
      const door = setInterval(async () => {
        // A database that is away says nothing about the key.
        if (!(await isStillIn().catch(() => true))) cutOff()
      }, lookMs)
      const beat = () => void stream.write(': still here\n\n')
      const firstBeat = setTimeout(beat, firstBeatMs)
      const heartbeat = setInterval(beat, heartbeatMs)
      try {
        for await (const { position, type, data } of source(over.signal))
          await stream.writeSSE({
            id: String(position),
            ...(type !== undefined && { event: type }),
            data: JSON.stringify(data),
          })
      } catch (error) {
        log.warn({ err: error, request_id: c.get('requestId') }, 'a stream broke off')
      } finally {
        clearInterval(door)
        clearTimeout(firstBeat)
        clearInterval(heartbeat)
        closing.removeEventListener('abort', cutOff)
        give()
      }
    })
  }
}
