import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { TestProject } from 'vitest/node'
import { readStripeTypes } from './stripe-types.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** A JSON file with the declarations that the sandbox's answers are judged by. */
    stripeTypes: string
  }
}

/** What the sandbox may answer and tell, in the SDK's own types. */
const judged = {
  Kept: "Omit<import('../../src/stripe-sandbox/objects/store.ts').ObjectTypes, 'event'>",
  More: 'Stripe.Account',
  Deleted: [
    ...['Customer', 'Coupon', 'Invoice', 'InvoiceItem', 'Price', 'Product', 'Discount'],
    ...['SubscriptionItem', 'WebhookEndpoint'],
  ]
    .map((name) => `Stripe.Deleted${name}`)
    .concat('Stripe.TestHelpers.DeletedTestClock')
    .join(' | '),
  Failure: 'Stripe.StripeRawError',
  // The SDK's union of events has 250 members, which differ in what they are about alone.
  Event:
    "Omit<Stripe.CustomerCreatedEvent, 'type' | 'data'> & { type: keyof EventObjects; data: { object: unknown; previous_attributes?: unknown } }",
  EventObjects:
    "{ [E in Stripe.Event as E['type']]?: E['data']['object'] extends { object: infer K } ? K : never }",
}

/** Reads them once for all files of a run, and again where the SDK or the reader has changed. */
export default function readJudgedTypes(project: TestProject): void {
  const hash = createHash('sha256').update(JSON.stringify(judged))
  for (const file of [
    '../../node_modules/stripe/package.json',
    '../../src/stripe-sandbox/objects/store.ts',
    './stripe-types.ts',
  ])
    hash.update(readFileSync(new URL(file, import.meta.url)))
  const cache = fileURLToPath(new URL('../../node_modules/.cache/', import.meta.url))
  const file = `${cache}stripe-types-${hash.digest('hex').slice(0, 16)}.json`
  if (!existsSync(file)) {
    mkdirSync(cache, { recursive: true })
    writeFileSync(`${file}.${process.pid}`, JSON.stringify(readStripeTypes(judged)))
    renameSync(`${file}.${process.pid}`, file)
  }
  project.provide('stripeTypes', file)
}
