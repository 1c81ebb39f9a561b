import type Stripe from 'stripe'
import { expect, test } from 'vitest'
import { customerWithCard, type Running, refusal, start } from './start.ts'
import { invoicesOf, iso, moveTo, priceOf, seconds } from './time.ts'

const begin = '2027-01-31T12:00:00Z'
const end = seconds('2028-03-31T18:00:00Z')
const hour = 3600

type Params = Partial<Stripe.SubscriptionCreateParams>
type Change = (stripe: Stripe, subscription: Stripe.Subscription) => Promise<unknown>
type Story = { params?: Params; changes?: Record<string, Change> }

const card =
  (name: string): Change =>
  async (stripe, { customer }) => {
    const id = customer as string
    const method = await stripe.paymentMethods.attach(name, { customer: id })
    await stripe.customers.update(id, { invoice_settings: { default_payment_method: method.id } })
  }
const update =
  (params: Stripe.SubscriptionUpdateParams): Change =>
  (stripe, { id }) =>
    stripe.subscriptions.update(id, params)
const item =
  (params: Stripe.SubscriptionUpdateParams.Item, more: Stripe.SubscriptionUpdateParams = {}): Change =>
  (stripe, { id, items }) =>
    stripe.subscriptions.update(id, { items: [{ id: items.data[0]?.id ?? '', ...params }], ...more })
const cancel =
  (params: Stripe.SubscriptionCancelParams = {}): Change =>
  (stripe, { id }) =>
    stripe.subscriptions.cancel(id, params)
const pending =
  (amount: number): Change =>
  (stripe, { customer }) =>
    stripe.invoiceItems.create({ customer: customer as string, amount, currency: 'usd' })

const dead = 'pm_card_chargeCustomerFail'
const fine = 'pm_card_visa'

/** Changes by date, at six in the morning. */
const stories = (
  prices: Record<'daily' | 'weekly' | 'quarterly' | 'small', string>,
): Record<string, Story> => {
  const price = (id: string): Params => ({ items: [{ price: id }] })
  return {
    plain: {},
    yearly: { params: price('price_professional_yearly') },
    quarterly: { params: price(prices.quarterly) },
    weekly: { params: price(prices.weekly), changes: { '2027-09-01': cancel() } },
    daily: { params: price(prices.daily), changes: { '2027-03-03': update({ cancel_at_period_end: true }) } },
    'of two intervals': {
      params: { items: [{ price: prices.quarterly }, { price: 'price_basic_monthly' }] },
    },
    'too small to charge': { params: price(prices.small) },
    'in trial': { params: { trial_period_days: 30 } },
    'in a trial that is made longer, then ended': {
      params: { trial_period_days: 14 },
      changes: {
        '2027-02-10': update({ trial_end: seconds('2027-03-20T00:00:00Z') }),
        '2027-03-15': update({ trial_end: 'now' }),
      },
    },
    'discounted once': { params: { trial_period_days: 10, discounts: [{ coupon: 'LAUNCH50' }] } },
    'discounted for months': { params: { discounts: [{ coupon: 'SPRING' }] } },
    'discounted for ever': { params: { discounts: [{ coupon: 'FRIEND' }] } },
    anchored: { params: { billing_cycle_anchor: seconds('2027-02-15T00:00:00Z') } },
    'failing, then recovered': { changes: { '2027-04-20': card(dead), '2027-05-05': card(fine) } },
    'failing for ever': { changes: { '2027-06-10': card(dead) } },
    'ending with the period': {
      changes: {
        '2027-05-10': update({ cancel_at_period_end: true }),
        '2027-05-20': update({ cancel_at_period_end: false }),
        '2027-10-10': update({ cancel_at_period_end: true }),
      },
    },
    'ending in the middle': {
      changes: { '2027-07-05': update({ cancel_at: seconds('2027-09-15T12:00:00Z') }) },
    },
    'paused and resumed': {
      changes: {
        '2027-04-10': update({
          pause_collection: { behavior: 'void', resumes_at: seconds('2027-06-15T00:00:00Z') },
        }),
        '2027-08-10': update({ pause_collection: { behavior: 'keep_as_draft' } }),
        '2027-10-10': update({ pause_collection: '' }),
      },
    },
    'changing its plan': {
      changes: {
        '2027-03-10': item({ price: 'price_enterprise_monthly' }),
        '2027-03-17': item({ quantity: 2 }),
        '2027-05-12': item({ price: 'price_basic_monthly', quantity: 1 }),
        '2027-08-20': item({ price: 'price_professional_monthly' }, { proration_behavior: 'always_invoice' }),
        '2027-11-11': item({ price: 'price_professional_yearly' }),
        '2028-01-20': pending(777),
      },
    },
    'beginning anew, then ended at once': {
      changes: {
        '2027-06-13': update({ billing_cycle_anchor: { type: 'now' } }),
        '2027-12-24': cancel({ prorate: true, invoice_now: true }),
      },
    },
  }
}

const name = 'fourteen months of twenty subscriptions: in order, previewed to the cent, no gap, no overlap'
test(name, { timeout: 300_000 }, async () => {
  const running = await start({ clock: () => Date.parse(begin) })
  const { stripe } = running
  const told: Stripe.Event[] = []
  const named = await subscribe(stripe)
  expect(named.size).toBe(20)
  const changes = [...named].flatMap(([id, { changes: each = {} }]) =>
    Object.entries(each).map(([day, change]) => ({ at: seconds(`${day}T06:00:00Z`), id, change })),
  )
  changes.sort((a, b) => a.at - b.at)
  let previewed = 0
  for (let now = seconds(begin); now < end; ) {
    const live = await liveSubscriptions(stripe)
    const boundary = Math.min(...live.map(nextBoundary))
    const [change] = changes
    if (change && change.at < boundary) {
      changes.shift()
      now = change.at
      await moveTo(running, now)
      await change.change(stripe, await stripe.subscriptions.retrieve(change.id))
    } else if (boundary + hour > end) break
    else {
      now = boundary + hour
      previewed += await renew(running, boundary, live)
    }
    told.push(...(await toldAfter(stripe, told.at(-1)?.id)))
  }
  expect(changes).toEqual([])
  expect(previewed).toBeGreaterThan(250)
  for (const [id, { name }] of named) {
    const invoices = await invoicesOf(stripe, id)
    expect(await gapsOf(stripe, id, invoices), name).toEqual([])
    expect(faultsOf(told, id, invoices), name).toEqual([])
  }
  expect(await statuses(stripe, named)).toEqual({
    weekly: 'canceled',
    daily: 'canceled',
    'failing for ever': 'canceled',
    'ending with the period': 'canceled',
    'ending in the middle': 'canceled',
    'beginning anew, then ended at once': 'canceled',
  })
})

async function subscribe(stripe: Stripe): Promise<Map<string, Story & { name: string }>> {
  await stripe.coupons.create({ id: 'SPRING', percent_off: 33, duration: 'repeating', duration_in_months: 5 })
  await stripe.coupons.create({ id: 'FRIEND', percent_off: 12.5, duration: 'forever' })
  const prices = {
    daily: await priceOf(stripe, 99, 'day'),
    weekly: await priceOf(stripe, 1500, 'week'),
    quarterly: await priceOf(stripe, 12_345, 'month', 3),
    small: await priceOf(stripe, 20, 'month'),
  }
  const named = new Map<string, Story & { name: string }>()
  for (const [name, story] of Object.entries(stories(prices))) {
    const customer = await customerWithCard(stripe)
    const items = [{ price: 'price_basic_monthly' }]
    const { id } = await stripe.subscriptions.create({ customer: customer.id, items, ...story.params })
    named.set(id, { ...story, name })
  }
  return named
}

const nextBoundary = ({ items }: Stripe.Subscription) =>
  Math.min(...items.data.map((each) => each.current_period_end))

async function liveSubscriptions(stripe: Stripe): Promise<Stripe.Subscription[]> {
  return (await stripe.subscriptions.list({ limit: 100 })).data
}

/** Plays a boundary, and compares what each subscription was billed with what had been previewed. Answers how many. */
async function renew(running: Running, boundary: number, live: Stripe.Subscription[]): Promise<number> {
  const { stripe } = running
  await moveTo(running, boundary - 60)
  const due = live.filter((subscription) => nextBoundary(subscription) === boundary)
  const previews = new Map<string, Stripe.Invoice>()
  for (const { id: subscription, cancel_at: cancelAt } of due) {
    if (cancelAt === boundary)
      expect((await refusal(stripe.invoices.createPreview({ subscription }))).code).toBe(
        'invoice_upcoming_none',
      )
    else previews.set(subscription, await stripe.invoices.createPreview({ subscription }))
  }
  await moveTo(running, boundary + hour)
  for (const [subscription, preview] of previews) {
    const [invoice] = (await stripe.invoices.list({ subscription, limit: 1 })).data
    expect(sumsOf(invoice)).toEqual(sumsOf(preview))
    expect(invoice).toMatchObject({ created: boundary, billing_reason: 'subscription_cycle' })
  }
  return previews.size
}

const sumsOf = (invoice: Stripe.Invoice | undefined) => ({
  total: invoice?.total,
  due: invoice?.amount_due,
  lines: invoice?.lines.data.map(({ amount, period }) => [amount, iso(period.start), iso(period.end)]),
})

async function toldAfter(stripe: Stripe, last: string | undefined): Promise<Stripe.Event[]> {
  const events: Stripe.Event[] = []
  if (last === undefined) for await (const event of stripe.events.list({ limit: 100 })) events.unshift(event)
  else for await (const event of stripe.events.list({ limit: 100, ending_before: last })) events.push(event)
  return events
}

/** Times at which an item of a subscription is not debited once, what was credited taken off. Trials are no debits. */
async function gapsOf(stripe: Stripe, id: string, invoices: Stripe.Invoice[]): Promise<string[]> {
  const { trial_end: trialEnd } = await stripe.subscriptions.retrieve(id)
  const invoiced = invoices.flatMap(({ lines }) =>
    lines.data.map((line) => ({ ...line, item: line.parent?.subscription_item_details?.subscription_item })),
  )
  const waiting = (await stripe.invoiceItems.list({ pending: true, limit: 100 })).data.map((each) => ({
    ...each,
    item: each.parent?.subscription_details?.subscription_item,
  }))
  const ownItems = new Set(invoiced.flatMap(({ item: own }) => own ?? []))
  const lines = [...invoiced, ...waiting].filter(
    ({ item: own, description }) => own && ownItems.has(own) && !description?.startsWith('Trial'),
  )
  const first = Math.min(...lines.map(({ period }) => period.start))
  const early = trialEnd !== null && first !== trialEnd ? [`begins at ${iso(first)}`] : []
  return [...early, ...[...ownItems].flatMap((own) => edgesOf(lines.filter((line) => line.item === own)))]
}

/** Where the debits less the credits rise or fall, but for one beginning and one end. */
function edgesOf(lines: { amount: number; period: { start: number; end: number } }[]): string[] {
  const edges = new Map<number, number>()
  const add = (time: number, change: number) => edges.set(time, (edges.get(time) ?? 0) + change)
  for (const { amount, period } of lines) {
    const sign = amount < 0 ? -1 : 1
    add(period.start, sign)
    add(period.end, -sign)
  }
  const changes = [...edges].filter(([, change]) => change !== 0).sort(([a], [b]) => a - b)
  const isWhole = changes.length === 2 && changes[0]?.[1] === 1 && changes[1]?.[1] === -1
  return isWhole ? [] : changes.map(([time, change]) => `${iso(time)} ${change}`)
}

/** What was told of a subscription and its invoices in another order than Stripe's. */
function faultsOf(told: Stripe.Event[], id: string, invoices: Stripe.Invoice[]): string[] {
  const own = told.filter((event) => subscriptionIn(event) === id)
  const types = own.map(({ type }) => type)
  const faults: string[] = []
  if (types[0] !== 'customer.subscription.created') faults.push('not created first')
  const over = types.indexOf('customer.subscription.deleted')
  if (over >= 0 && types.slice(over + 1).some((type) => type.startsWith('customer.')))
    faults.push('changed after its end')
  for (const { id: invoiceId, billing_reason, created, period_start, status } of invoices) {
    const about = own.filter((event) => (event.data.object as { id?: string }).id === invoiceId)
    const life = about.map(({ type }) => type.replace('invoice.', '')).filter((type) => type !== 'updated')
    if (!lifeOfInvoice.test(life.join(' '))) faults.push(`${iso(created)} ${life.join(' ')}`)
    if (billing_reason !== 'subscription_cycle') continue
    const before = own[own.findIndex((event) => event.id === about[0]?.id) - 1]
    if (before?.type !== 'customer.subscription.updated' || before.created !== created)
      faults.push(`${iso(created)} not after its subscription`)
    const finalized = about.find(({ type }) => type === 'invoice.finalized')
    if (['paid', 'open'].includes(status ?? '') && finalized?.created !== created + hour)
      faults.push(`${iso(created)} final at ${iso(finalized?.created)}`)
    const week = 7 * 24 * hour
    const announced = own.some(
      (event) => event.type === 'invoice.upcoming' && event.created === created - week,
    )
    const announces = created - period_start > week && ['paid', 'open'].includes(status ?? '')
    if (announced !== announces) faults.push(`${iso(created)} announced: ${announced}`)
  }
  return faults
}

const lifeOfInvoice =
  /^created( finalized( payment_failed)*( payment_succeeded paid| voided| marked_uncollectible)?)?$/

function subscriptionIn({ data }: Stripe.Event): string | undefined {
  const object = data.object as Stripe.Subscription | Stripe.Invoice
  if (object.object === 'subscription') return object.id
  return object.object === 'invoice'
    ? (object.parent?.subscription_details?.subscription as string)
    : undefined
}

/** Of those that are not active at the end. */
async function statuses(
  stripe: Stripe,
  named: Map<string, { name: string }>,
): Promise<Record<string, string>> {
  const all = await stripe.subscriptions.list({ status: 'all', limit: 100 })
  const others = all.data.filter(({ status }) => status !== 'active')
  return Object.fromEntries(others.map(({ id, status }) => [named.get(id)?.name ?? id, status]))
}
