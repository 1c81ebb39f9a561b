import { AsyncLocalStorage } from 'node:async_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import type Stripe from 'stripe'
import { backoffMs } from '../db/backoff.ts'
import { headersOf, madeAt, secretOf, timeOf, withoutSecrets } from './answer.ts'
import type { CallParams } from './call.ts'
import { type CallTally, callTally } from './call-tally.ts'
import { type CallName, callOf } from './calls.ts'
import { StripeFailure, stripeFailure } from './failure.ts'
import {
  listedSubscriptionExpansions,
  objectTypes,
  type StripeEvent,
  type StripeObjects,
  type StripeObjectType,
} from './object-types.ts'

/** An object as Stripe shows it. */
export type Observation<T extends StripeObjectType = StripeObjectType> = {
  [K in T]: {
    objectType: K
    objectId: string
    /** Stripe's time of what is shown, unix seconds. */
    asOf: number
    /** Stripe says that it is gone. Of a deleted object there may be no more than its id. */
    isDeleted: boolean
    /** Raw, without secrets: what goes in the log. */
    object: StripeObjects[K]
  }
}[T]

type Health = { ok: boolean; message?: string }

export type StripeGateway = {
  /**
   * Makes a call that changes something, under a key that was stored before. 429 is tried again a few times here.
   * `clientSecret` is the object's own, or its first invoice's when the bank wants authentication. Never store it.
   * @throws StripeFailure
   */
  call(
    name: CallName,
    request: { targetId?: string; params: CallParams; key: string },
  ): Promise<{ observation: Observation; clientSecret: string | null }>
  /** What an earlier call under this key has made, if anything. @throws StripeFailure */
  find(name: CallName, request: { params: CallParams; key: string }): Promise<Observation | undefined>
  /**
   * The object as it is now; of an object that is gone, the stub of a deleted one.
   * @throws StripeFailure `missing` for an id that never was
   */
  fetch<T extends StripeObjectType>(
    objectType: T,
    id: string,
  ): Promise<{ observation: Observation<T>; clientSecret: string | null }>
  /** Everything that is sold: products, prices that recur, coupons and promotion codes. */
  catalogue(): Promise<Observation[]>
  /**
   * What a code that a customer typed may stand for: the promotion codes of that name, their coupons, and where none of
   * them is active the coupon of that name. Of `knownCouponIds` those that are gone, as deleted.
   */
  findDiscount(code: string, knownCouponIds: readonly string[]): Promise<Observation[]>
  /** Whether a customer has bought before: a successful payment, or an invoice that was not voided. */
  hasBought(customerId: string): Promise<boolean>
  /** Stripe's own time now, unix seconds: that of its answer, or else of its newest event. */
  time(): Promise<number>
  /** Stripe's events from this moment on (unix seconds), oldest first; Stripe keeps them for 30 days. */
  eventsSince(created: number): Promise<StripeEvent[]>
  /**
   * A customer's subscriptions and payment methods, the invoices and their items made since then (unix seconds), and the payments
   * of which money may have gone back since then.
   */
  objectsOf(customerId: string, since: number): Promise<Observation[]>
  /** What the next invoice would be after a change; null: there would be none. Changes nothing. */
  preview(params: Stripe.InvoiceCreatePreviewParams): Promise<Stripe.Invoice | null>
  /** The address of a session of Stripe's customer portal: whoever has it is the customer. Never store it. */
  portal(customerId: string, returnUrl: string): Promise<string>
  /** Whether Stripe answers and takes our key: for /health/ready. */
  healthy(): Promise<Health>
  /** How Stripe has answered this process so far. */
  tally: CallTally
}

const rateLimitRetries = 3
/** So long after a payment its money may go back: banks take disputes for about four months, refunds are rare after six. */
const returnSeconds = 180 * 24 * 3600
const trustMs = 1_000

export function stripeGateway(stripe: Stripe): StripeGateway {
  let lastGood = Number.NEGATIVE_INFINITY
  const tally = callTally()
  // Whether the SDK has begun to send decides what a fault that is none of Stripe's own errors means.
  const sending = new AsyncLocalStorage<{ hasSent: boolean }>()
  stripe.on('request', () => {
    const trip = sending.getStore()
    if (trip !== undefined) trip.hasSent = true
  })
  const attempt = async <T>(request: () => Promise<T>): Promise<T> => {
    const trip = { hasSent: false }
    for (let retries = 0; ; retries += 1) {
      try {
        const answer = await sending.run(trip, request)
        tally.add('ok')
        return answer
      } catch (error) {
        lastGood = Number.NEGATIVE_INFINITY
        const failure = stripeFailure(error, trip)
        if (failure instanceof StripeFailure) tally.add(failure.kind)
        const isLimited = failure instanceof StripeFailure && failure.kind === 'rate_limited'
        if (!isLimited || retries === rateLimitRetries) throw failure
        // The SDK leaves 429 to us.
        await sleep(backoffMs(retries + 1, { firstMs: 250, longestMs: 2_000 }))
      }
    }
  }

  // Anybody may ask for our health: one question to Stripe answers for a second, unless a call has failed since.
  let probe: Promise<Health> | undefined
  const ask = async (): Promise<Health> => {
    try {
      await stripe.products.list({ limit: 1 }, { timeout: 3_000, maxNetworkRetries: 0 })
      lastGood = performance.now()
      tally.add('ok')
      return { ok: true }
    } catch (error) {
      const failure = stripeFailure(error, { hasSent: true })
      if (!(failure instanceof StripeFailure)) throw error
      tally.add(failure.kind)
      const isRefused = failure.kind === 'unauthorized'
      return {
        ok: false,
        message: isRefused ? 'Stripe does not accept the API key' : 'Stripe does not answer',
      }
    }
  }

  const fetch: StripeGateway['fetch'] = async (objectType, id) => {
    if (!canBeAnId(id)) throw new StripeFailure('missing', 'resource_missing', `No such ${objectType}`)
    return attempt(async () => {
      const answer = await objectTypes[objectType].retrieve(stripe, id)
      assertStripes(answer, objectType)
      return { observation: observed(objectType, answer, timeOf(answer)), clientSecret: secretOf(answer) }
    })
  }

  const take = async (
    objectType: StripeObjectType,
    list: AsyncIterable<{ id: string }>,
    asOf: number,
  ): Promise<Observation[]> => {
    const found: Observation[] = []
    for await (const object of list) found.push(observed(objectType, object, asOf))
    return found
  }
  /** Every page. An attempt that broke off between two of them starts over. */
  const takeAll = async (lists: [StripeObjectType, () => AsyncIterable<{ id: string }>][], asOf: number) => {
    const all: Observation[] = []
    for (const [objectType, list] of lists) all.push(...(await attempt(() => take(objectType, list(), asOf))))
    return all
  }

  return {
    call(name, { targetId = '', params, key }) {
      const { run, objectType, isCreate } = callOf(name)
      return attempt(async () => {
        const answer = await run(stripe, targetId, params, { idempotencyKey: key })
        assertStripes(answer, objectType)
        // A stored answer to an update shows the object as it was then; a create's is dated by the object itself.
        const isOld = headersOf(answer)['idempotent-replayed'] === 'true'
        if (isOld && !isCreate) return fetch(objectType, answer.id)
        const asOf = (isCreate ? madeAt(answer) : undefined) ?? timeOf(answer)
        return { observation: observed(objectType, answer, asOf), clientSecret: secretOf(answer) }
      })
    },
    async find(name, { params, key }) {
      const call = callOf(name)
      if (call.find === undefined) return undefined
      const found = await attempt(async () => call.find?.(stripe, params, key))
      return found === undefined ? undefined : (await fetch(call.objectType, found.id)).observation
    },
    fetch,
    async catalogue() {
      const startedAt = timeOf(await attempt(() => stripe.products.list({ limit: 1 })))
      return takeAll(
        [
          ['product', () => stripe.products.list({ limit: 100 })],
          ['price', () => stripe.prices.list({ type: 'recurring', limit: 100 })],
          ['coupon', () => stripe.coupons.list({ limit: 100, expand: ['data.applies_to'] })],
          ['promotion_code', () => stripe.promotionCodes.list({ limit: 100 })],
        ],
        startedAt,
      )
    },
    async findDiscount(code, knownCouponIds) {
      if (!canBeAnId(code)) return []
      const list = await attempt(() =>
        stripe.promotionCodes.list({ code, limit: 100, expand: ['data.promotion.coupon.applies_to'] }),
      )
      const asOf = timeOf(list)
      const found = new Map<string, Observation>()
      // What is deleted is not expanded: its id stays.
      const expected = new Set(knownCouponIds)
      for (const promotionCode of list.data) {
        const { coupon } = promotionCode.promotion
        found.set(promotionCode.id, observed('promotion_code', promotionCode, asOf))
        if (typeof coupon === 'string') expected.add(coupon)
        else if (coupon !== null) found.set(coupon.id, observed('coupon', coupon, asOf))
      }
      const isActive = list.data.some(({ active }) => active)
      for (const id of new Set([...(isActive ? [] : [code]), ...expected])) {
        if (found.has(id)) continue
        try {
          found.set(id, (await fetch('coupon', id)).observation)
        } catch (error) {
          if (!(error instanceof StripeFailure) || error.kind !== 'missing') throw error
          if (expected.has(id)) found.set(id, goneObject('coupon', id, asOf))
        }
      }
      return [...found.values()]
    },
    hasBought: (customer) =>
      attempt(async () => {
        for await (const { status } of stripe.invoices.list({ customer, limit: 100 }))
          if (status !== 'draft' && status !== 'void') return true
        for await (const { status } of stripe.charges.list({ customer, limit: 100 }))
          if (status === 'succeeded') return true
        return false
      }),
    async time() {
      const list = await attempt(() => stripe.events.list({ limit: 1 }))
      const date = Date.parse(headersOf(list).date ?? '')
      return Number.isNaN(date) ? (list.data[0]?.created ?? 0) : Math.floor(date / 1000)
    },
    async objectsOf(customer, since) {
      const first = await attempt(() => stripe.invoices.list({ customer, limit: 1 }))
      const expand = listedSubscriptionExpansions
      const found = await takeAll(
        [
          ['subscription', () => stripe.subscriptions.list({ customer, status: 'all', limit: 100, expand })],
          ['invoice', () => stripe.invoices.list({ customer, created: { gte: since }, limit: 100 })],
          ['invoiceitem', () => stripe.invoiceItems.list({ customer, created: { gte: since }, limit: 100 })],
          ['payment_method', () => stripe.customers.listPaymentMethods(customer, { limit: 100 })],
        ],
        timeOf(first),
      )
      // What a coupon applies to is one level too deep in a list; read without it, it would lower every plan.
      for (const [index, each] of found.entries())
        if (each.objectType === 'subscription' && each.object.discounts?.length > 0)
          found[index] = (await fetch('subscription', each.objectId)).observation
      const gte = since - returnSeconds
      const returned = await attempt(async () => {
        const ids: string[] = []
        for await (const charge of stripe.charges.list({ customer, created: { gte }, limit: 100 })) {
          const { payment_intent: intent, disputed, amount_refunded } = charge
          if (intent !== null && (disputed || amount_refunded > 0))
            ids.push(typeof intent === 'string' ? intent : intent.id)
        }
        return ids
      })
      for (const id of returned) found.push((await fetch('invoice_payment', id)).observation)
      return found
    },
    async eventsSince(created) {
      const events: StripeEvent[] = []
      await attempt(async () => {
        events.length = 0
        for await (const event of stripe.events.list({ created: { gte: created }, limit: 100 }))
          events.push(event)
      })
      return events.reverse()
    },
    preview: (params) =>
      attempt<Stripe.Invoice | null>(() => stripe.invoices.createPreview(params)).catch((error) => {
        if (error instanceof StripeFailure && error.code === 'invoice_upcoming_none') return null
        throw error
      }),
    portal: (customer, return_url) =>
      attempt(async () => (await stripe.billingPortal.sessions.create({ customer, return_url })).url),
    healthy() {
      if (performance.now() - lastGood < trustMs) return Promise.resolve({ ok: true })
      probe ??= ask().finally(() => {
        probe = undefined
      })
      return probe
    },
    tally,
  }
}

/** The observation and the objects inside it that have tables of their own: a card, a first invoice. */
export function observationsIn(observation: Observation): Observation[] {
  const inside: [string, StripeObjectType][] = [
    ['payment_method', 'payment_method'],
    ['latest_invoice', 'invoice'],
    ['invoice', 'invoice'],
  ]
  const found = inside.flatMap(([member, objectType]) => {
    const object = Reflect.get(observation.object, member)
    return object?.id === undefined ? [] : [observed(objectType, object, observation.asOf)]
  })
  // A payment changes the row of its invoice, which has to be there.
  return observation.objectType === 'invoice_payment' ? [...found, observation] : [observation, ...found]
}

/** An object that Stripe has no more, as Stripe shows a deleted one. @param asOf when that was asked, unix seconds */
export const goneObject = (objectType: StripeObjectType, id: string, asOf: number) =>
  observed(objectType, { id, object: objectType, deleted: true }, asOf)

/**
 * What a proxy answers can look like success to the SDK, which takes any JSON without an `error` for it. It says
 * nothing about the effect. @throws StripeFailure unknown
 */
function assertStripes(answer: { id?: unknown; object?: unknown }, objectType: StripeObjectType): void {
  if (typeof answer.id !== 'string' || answer.object !== objectType)
    throw new StripeFailure('unknown', 'not_stripe', "The answer is not one of Stripe's")
}

/** @param answer of this type: the SDK's types of its answers do not say so */
function observed<T extends StripeObjectType>(
  objectType: T,
  answer: { id: string; object?: string; deleted?: unknown },
  asOf: number,
): Observation<T> {
  const isDeleted = answer.deleted === true
  const object: unknown = withoutSecrets(answer)
  return { objectType, objectId: answer.id, asOf, isDeleted, object } as Observation<T>
}

/** Nothing at Stripe has an id that would be another path, or that no path can hold: it is not asked for. */
const canBeAnId = (id: string) => id.isWellFormed() && id.length <= 500 && !/^\.{0,2}$|[\p{Cc}/\\]/u.test(id)
