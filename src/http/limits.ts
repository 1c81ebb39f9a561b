import { AppError } from '../errors.ts'

/**
 * How often a key, such as an address or a session, may do a thing. Limits live in this process; several instances allow
 * as many times more.
 */

/**
 * A token bucket, by the monotonic clock: `burst` at once, and `perMinute` from then on.
 * @throws AppError rate_limited, by what it returns
 */
export function burstLimit(options: {
  burst: number
  perMinute: number
  message: string
  now?: () => number
}) {
  const { burst, perMinute, message, now = () => performance.now() } = options
  const buckets = new Map<string, { left: number; atMs: number }>()
  return (key: string): void => {
    const atMs = now()
    const bucket = buckets.get(key) ?? { left: burst, atMs }
    const left = Math.min(burst, bucket.left + ((atMs - bucket.atMs) * perMinute) / 60_000)
    if (left < 1)
      throw new AppError('rate_limited', message, {
        retryAfterSeconds: Math.ceil(((1 - left) * 60) / perMinute),
      })
    setRecent(buckets, key, { left: left - 1, atMs })
  }
}

/**
 * So many in any hour, by the monotonic clock. What it returns takes one, and answers the way to give it back.
 * @throws AppError rate_limited, by what it returns
 */
export function hourlyLimit(options: { limit: number; message: string; now?: () => number }) {
  const { limit, message, now = () => performance.now() } = options
  const uses = new Map<string, number[]>()
  return (key: string): (() => void) => {
    const at = now()
    const recent = (uses.get(key) ?? []).filter((use) => use > at - hourMs)
    setRecent(uses, key, recent)
    if (recent.length >= limit)
      throw new AppError('rate_limited', message, {
        retryAfterSeconds: ((recent[0] ?? at) + hourMs - at) / 1000,
      })
    recent.push(at)
    return () => {
      const left = uses.get(key)
      const index = left?.indexOf(at) ?? -1
      if (index !== -1) left?.splice(index, 1)
    }
  }
}

const hourMs = 3_600_000

/** Of `most` keys; the one that was set longest ago is forgotten first. */
export function setRecent<V>(map: Map<string, V>, key: string, value: V, most = 10_000): void {
  map.delete(key)
  map.set(key, value)
  const [oldest] = map.keys()
  if (map.size > most && oldest !== undefined) map.delete(oldest)
}
