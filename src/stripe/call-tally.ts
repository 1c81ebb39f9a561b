import type { StripeFailureKind } from './failure.ts'

/** `ok`, or how it went wrong. */
type Outcome = 'ok' | StripeFailureKind

/** How Stripe has answered this process. */
export type CallTally = {
  add(outcome: Outcome): void
  /** Since the start. */
  byOutcome(): Partial<Record<Outcome, number>>
  /** Of the last five minutes. `errors`: Stripe was away, too busy, or did not take our key; a decline is an answer. */
  recent(): { requests: number; errors: number }
}

const windowMs = 300_000
const bucketMs = 10_000
const errors: readonly Outcome[] = ['unknown', 'rate_limited', 'unauthorized']

/** @param elapsedMs a clock that never goes back */
export function callTally(elapsedMs: () => number = () => performance.now()): CallTally {
  const total = new Map<Outcome, number>()
  // Oldest first; one that has left the window goes when the next one comes.
  let buckets: { at: number; requests: number; errors: number }[] = []
  const inWindow = () => buckets.filter(({ at }) => at > elapsedMs() - windowMs)

  return {
    add(outcome) {
      // Our own fault, before anything was sent, says nothing about Stripe.
      if (outcome === 'not_sent') return
      total.set(outcome, (total.get(outcome) ?? 0) + 1)
      let bucket = buckets.at(-1)
      if (bucket === undefined || bucket.at <= elapsedMs() - bucketMs) {
        bucket = { at: elapsedMs(), requests: 0, errors: 0 }
        buckets = [...inWindow(), bucket]
      }
      bucket.requests += 1
      if (errors.includes(outcome)) bucket.errors += 1
    },
    byOutcome: () => Object.fromEntries(total),
    recent() {
      const sum = { requests: 0, errors: 0 }
      for (const bucket of inWindow()) {
        sum.requests += bucket.requests
        sum.errors += bucket.errors
      }
      return sum
    },
  }
}
