import { AppError } from '../errors.ts'

/**
 * So many in any hour for each key, by the monotonic clock. `take` answers the way to give it back. Lives in this
 * process; several instances allow as many times more. The key that was used longest ago is forgotten first.
 */
export function hourlyLimit(options: { limit: number; message: string; now?: () => number }) {
  const { limit, message, now = () => performance.now() } = options
  const uses = new Map<string, number[]>()

  return {
    /** @throws AppError rate_limited */
    take(key: string): () => void {
      const at = now()
      const recent = (uses.get(key) ?? []).filter((use) => use > at - hourMs)
      uses.delete(key)
      uses.set(key, recent)
      const [oldest] = uses.keys()
      if (uses.size > maxKeys && oldest !== undefined) uses.delete(oldest)
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
    },
  }
}

const hourMs = 3_600_000
const maxKeys = 10_000
