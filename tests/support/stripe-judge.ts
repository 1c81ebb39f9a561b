import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { readFileSync } from 'node:fs'
import { afterAll, afterEach, expect, inject } from 'vitest'
import { z } from 'zod'
import { faultsOfAnswer, faultsOfEvent } from './stripe-faults.ts'
import type { StripeTypes } from './stripe-types.ts'
import { type Walk, walkAlong } from './walk-stripe.ts'

/**
 * Walks every answer and every event of every sandbox in the process of a test along the SDK's declarations. A fault fails
 * the test that provoked it.
 */
const faults = new Set<string>()
/** The machine's own: a test may have put a fault in the place of `JSON.parse`. */
const { parse } = JSON
// A worker runs many files, and this one anew before each. The last of these hooks is the first to run.
afterAll(() => {
  unsubscribe('stripe-sandbox:answer', judgeAnswer)
  unsubscribe('stripe-sandbox:event', judgeEvent)
})
afterAll(failForFaults)
afterEach(failForFaults)

const answered = z.object({ method: z.string(), path: z.string(), status: z.number(), body: z.string() })

subscribe('stripe-sandbox:answer', judgeAnswer)
subscribe('stripe-sandbox:event', judgeEvent)

function judgeAnswer(message: unknown): void {
  const { method, path, status, body } = answered.parse(message)
  // What `stripe listen` begins with is no part of the API that the SDK knows.
  if (path === '/v1/stripecli/sessions') return
  for (const fault of faultsOfAnswer(judge(), status, parse(body)))
    faults.add(`${method} ${path.replace(/_\w{14,}/g, '_…')}: ${fault}`)
}

function judgeEvent(message: unknown): void {
  for (const fault of faultsOfEvent(judge(), message)) faults.add(`event ${fault}`)
}

function failForFaults(): void {
  const found = [...faults]
  faults.clear()
  expect(found, 'the sandbox says what Stripe would not say').toEqual([])
}

let walk: Walk | undefined
function judge(): Walk {
  walk ??= walkAlong(JSON.parse(readFileSync(inject('stripeTypes'), 'utf8')) as StripeTypes)
  return walk
}
