import { expect, test } from 'vitest'
import { callTally } from '../../src/stripe/call-tally.ts'

test('the rate forgets what is older than five minutes; the counts do not', () => {
  let elapsed = 0
  const tally = callTally(() => elapsed)
  tally.add('unknown')
  tally.add('ok')
  elapsed = 200_000
  tally.add('rate_limited')
  tally.add('declined')
  tally.add('not_sent')
  expect(tally.recent()).toEqual({ requests: 4, errors: 2 })
  elapsed = 301_000
  expect(tally.recent()).toEqual({ requests: 2, errors: 1 })
  elapsed = 600_000
  expect(tally.recent()).toEqual({ requests: 0, errors: 0 })
  expect(tally.byOutcome()).toEqual({ unknown: 1, ok: 1, rate_limited: 1, declined: 1 })
})
