import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startSandbox } from '../../src/stripe-sandbox/sandbox.ts'
import { receiver } from './start.ts'

/** What each trigger of the official CLI does at the sandbox. With the CLI's next version the list may be longer. */
const works: Record<string, string> = {
  ...named('billing_portal.session.created'),
  ...named(
    'charge.captured',
    'charge.failed',
    'charge.refund.updated',
    'charge.refunded',
    'charge.succeeded',
  ),
  ...named('charge.dispute.closed', 'charge.dispute.created', 'charge.dispute.updated'),
  ...named('coupon.created', 'coupon.deleted', 'coupon.updated'),
  ...named('credit_note.created', 'credit_note.updated', 'credit_note.voided'),
  ...named('customer.created', 'customer.deleted', 'customer.updated'),
  ...named('customer.subscription.created', 'customer.subscription.deleted', 'customer.subscription.updated'),
  ...named('customer.subscription.paused', 'customer.subscription.trial_will_end'),
  ...named('invoice.created', 'invoice.deleted', 'invoice.finalized', 'invoice.marked_uncollectible'),
  ...named('invoice.paid', 'invoice.payment_action_required', 'invoice.payment_failed'),
  ...named('invoice.payment_succeeded', 'invoice.sent', 'invoice.updated', 'invoice.voided'),
  ...named('invoiceitem.created', 'invoiceitem.deleted'),
  ...named('payment_intent.amount_capturable_updated', 'payment_intent.canceled', 'payment_intent.created'),
  ...named('payment_intent.payment_failed', 'payment_intent.requires_action', 'payment_intent.succeeded'),
  ...named('payment_method.attached', 'payment_method.detached', 'payment_method.updated'),
  ...named('price.created', 'price.updated', 'product.created', 'product.deleted', 'product.updated'),
  ...named('promotion_code.created', 'promotion_code.updated'),
  ...named('setup_intent.canceled', 'setup_intent.created', 'setup_intent.requires_action'),
  ...named('setup_intent.setup_failed', 'setup_intent.succeeded'),
  ...named('test_helpers.test_clock.advancing', 'test_helpers.test_clock.created'),
  ...named('test_helpers.test_clock.deleted', 'test_helpers.test_clock.ready'),
  'subscription.payment_failed': 'invoice.payment_failed',
  'subscription.payment_succeeded': 'invoice.payment_succeeded',
  // It takes each refusal of Checkout for what it wanted, so that a price is all it makes.
  'checkout.session.async_payment_failed': 'price.created',
}

/** What is not played, how that is said, and the triggers that want it. */
const refused: [resource: string, refusal: string, triggers: string[]][] = [
  ['connected accounts', '/v1/accounts', ['account.application.deauthorized', 'account.updated']],
  [
    'our own balance at Stripe',
    'pm_card_bypassPending',
    [
      ...['balance.available', 'payout.created', 'payout.updated'],
      ...['transfer.created', 'transfer.reversed', 'transfer.updated'],
    ],
  ],
  ['top-ups', '/v1/topups', ['topup.created']],
  [
    'configurations of the portal',
    '/v1/billing_portal/configurations',
    ['billing_portal.configuration.created', 'billing_portal.configuration.updated'],
  ],
  [
    'cash balances',
    'fund_cash_balance',
    ['cash_balance.funds_available', 'customer_cash_balance_transaction.created'],
  ],
  ['bank transfers', 'payment_method_data[type]', ['payment_intent.partially_funded']],
  ['payment methods other than cards', 'must be one of card', ['payment_intent.processing']],
  [
    'Checkout',
    '/v1/checkout/sessions',
    [
      ...['checkout.session.async_payment_succeeded', 'checkout.session.completed'],
      ...['checkout.session.expired'],
    ],
  ],
  ['payment links', '/v1/payment_links', ['payment_link.created', 'payment_link.updated']],
  [
    "coupons of a customer's own, which the pinned API version has not",
    'unknown parameter: coupon',
    ['customer.discount.created', 'customer.discount.deleted', 'customer.discount.updated'],
  ],
  ['sources', '/sources', ['customer.source.created', 'customer.source.updated']],
  ['plans: there are prices', '/v1/plans', ['plan.created', 'plan.deleted', 'plan.updated']],
  ['quotes', '/v1/quotes', ['quote.accepted', 'quote.canceled', 'quote.created', 'quote.finalized']],
  ['tax', '/v1/tax_rates', ['tax_rate.created', 'tax_rate.updated']],
  [
    'subscription schedules',
    '/v1/subscription_schedules',
    ['aborted', 'canceled', 'completed', 'created', 'expiring', 'released', 'updated'].map(
      (name) => `subscription_schedule.${name}`,
    ),
  ],
  [
    'the event stream of API v2, which wants a version of its own',
    'Invalid Stripe API version',
    ['v1.billing.meter.error_report_triggered', 'v1.billing.meter.no_meter_found'],
  ],
  ['reports', '/v1/reporting/report_runs', ['reporting.report_run.succeeded']],
  [
    'Identity',
    '/v1/identity/verification_sessions',
    ['canceled', 'created', 'redacted'].map((name) => `identity.verification_session.${name}`),
  ],
  [
    'Issuing',
    '/v1/issuing/cardholders',
    [
      ...['issuing_authorization.request', 'issuing_card.created', 'issuing_cardholder.created'].flatMap(
        (name) => [name, `${name}.eu`, `${name}.gb`],
      ),
      ...['created', 'purchase_details_receipt_updated', 'updated'].map(
        (name) => `issuing_transaction.${name}`,
      ),
    ],
  ],
]

const command = fileURLToPath(new URL('../../node_modules/.bin/stripe', import.meta.url))
let home: string
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'stripe-triggers-'))
})
afterAll(() => rm(home, { recursive: true, force: true }))

test('the table has every trigger of the CLI, once', async () => {
  const help = await stripe('trigger', '--help')
  const listed = [...help.matchAll(/^ {2}([\w.]+)$/gm)].map(([, name]) => name)
  expect(listed.length).toBeGreaterThan(100)
  const table = [...Object.keys(works), ...refused.flatMap(([, , triggers]) => triggers)]
  expect(table.toSorted()).toEqual(listed.toSorted())
})

test('each trigger that works makes its event', { timeout: 300_000 }, async () => {
  const faults = await eachOf(Object.entries(works), async ([trigger, event]) => {
    const { said, events } = await triggered(trigger)
    if (!said.includes('Trigger succeeded')) return `${trigger}: ${said}`
    return events.includes(event) ? undefined : `${trigger} made no ${event}: ${events.join(' ')}`
  })
  expect(faults).toEqual([])
})

test('each of the others is refused for what is not played', { timeout: 300_000 }, async () => {
  const rows = refused.flatMap(([, refusal, triggers]) =>
    triggers.map((trigger) => [trigger, refusal] as const),
  )
  const faults = await eachOf(rows, async ([trigger, refusal]) => {
    const { said } = await triggered(trigger)
    return said.includes('Trigger failed') && said.includes(refusal) ? undefined : `${trigger}: ${said}`
  })
  expect(faults).toEqual([])
})

function named(...triggers: string[]): Record<string, string> {
  return Object.fromEntries(triggers.map((trigger) => [trigger, trigger]))
}

/** At a sandbox of its own, so that no other trigger has made the event. */
async function triggered(trigger: string): Promise<{ said: string; events: string[] }> {
  // The CLI's test clocks begin in 2020, and a sandbox's clock never goes back.
  const wantsClock = /test_clock|schedule/.test(trigger)
  const clock = wantsClock ? () => Date.parse('2019-12-01T00:00:00Z') : Date.now
  const { url, received } = await receiver()
  const webhook = { url, secret: 'whsec_of_the_triggers' }
  const box = await startSandbox({ file: ':memory:', clock, webhook })
  try {
    const said = await stripe('trigger', trigger, '--api-base', box.url)
    await box.deliverDue()
    return { said, events: received.map(({ type }) => type) }
  } finally {
    await box.close()
  }
}

/** What the command says, whether it succeeds or not. */
async function stripe(...args: string[]): Promise<string> {
  const env = {
    PATH: process.env.PATH,
    HOME: home,
    XDG_CONFIG_HOME: home,
    STRIPE_API_KEY: 'sk_test_123456789012',
    STRIPE_CLI_TELEMETRY_OPTOUT: '1',
  }
  const { stdout, stderr } = await promisify(execFile)(command, args, { env }).catch(
    (failure: { stdout: string; stderr: string }) => failure,
  )
  return stdout + stderr
}

/** A few at once. */
async function eachOf<T>(
  items: readonly T[],
  check: (item: T) => Promise<string | undefined>,
): Promise<string[]> {
  const waiting = [...items]
  const faults: string[] = []
  const work = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift())
      faults.push(...[await check(item)].filter((fault) => fault !== undefined))
  }
  await Promise.all([work(), work(), work(), work()])
  return faults
}
