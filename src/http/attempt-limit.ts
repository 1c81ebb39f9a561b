/**
 * A token bucket per address for failed attempts: `take` says whether the address may fail once more.
 * Lives in this process; several instances allow as many times more.
 */
export function attemptLimit(options: { burst: number; perMinute: number; now: () => Date }) {
  const { burst, perMinute, now } = options
  const buckets = new Map<string, { left: number; atMs: number }>()

  const refilled = (address: string, atMs: number) => {
    const bucket = buckets.get(address)
    if (bucket === undefined) return burst
    return Math.min(burst, bucket.left + (Math.max(0, atMs - bucket.atMs) * perMinute) / 60_000)
  }

  return {
    take(address: string): { allowed: true } | { allowed: false; retryAfterSeconds: number } {
      const atMs = now().getTime()
      const left = refilled(address, atMs)
      if (left < 1) return { allowed: false, retryAfterSeconds: Math.ceil(((1 - left) * 60) / perMinute) }
      // Deleted first, so that the map's order is that of the last attempts, and the eldest is the one to forget.
      buckets.delete(address)
      buckets.set(address, { left: left - 1, atMs })
      if (buckets.size > maxAddresses) {
        const [eldest] = buckets.keys()
        if (eldest !== undefined) buckets.delete(eldest)
      }
      return { allowed: true }
    },
  }
}

const maxAddresses = 10_000
