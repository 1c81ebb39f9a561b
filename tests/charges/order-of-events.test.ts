import fc from 'fast-check'
import type Stripe from 'stripe'
import { expect, test } from 'vitest'
import { ingest } from '../../src/inbox/ingest.ts'
import { createPostgres } from '../support/databases.ts'
import { type Months, openMonths } from '../support/months.ts'
import { type Service, startService } from '../support/service.ts'
import { history } from '../support/webhooks.ts'

/** Instead of the service: what follows the clock on its behalf. @param go answers when there is something to do again, ISO 8601 */
function follow({ service }: Months, go: () => Promise<(string | null)[]>): void {
  service.sandbox.clock.follow(service.context.config.databaseUrl, async () => {
    const times = (await go()).filter((time) => time !== null)
    return times.length === 0 ? null : Math.ceil(Date.parse(times.toSorted()[0] ?? '') / 1000)
  })
}

/** Of a tenant that Stripe's events reach in no other way. */
function post({ stripe }: Months) {
  const known = new Set<string>()
  return async (): Promise<Stripe.Event[]> => {
    const fresh = (await history(stripe)).filter(({ id }) => !known.has(id))
    for (const { id } of fresh) known.add(id)
    return fresh
  }
}

test.each([
  [
    'price_basic_monthly',
    '2026-02-01T00:00 paid 17900: Cases 1 Jan 3000, Platform base 1 Feb 10000, plan 4900',
  ],
  ['price_basic_yearly', '2026-02-01T01:00 paid 13000: Cases 1 Jan 3000, Platform base 1 Feb 10000'],
])(
  'two instances that do the same at the same moment close a month of %s once, and each line is there once',
  async (price, invoice) => {
    const database = await createPostgres()
    const environment = { DATABASE_URL: database.url, BILLING_TRIAL_PERIOD_DAYS: '0' }
    const tenant = await openMonths({ webhooks: false, environment })
    const { sandbox, directory } = tenant.service
    const second = await startService({ sandbox, directory, environment, catalogue: false })
    const both: Service[] = [tenant.service, second]
    const news = post(tenant)
    follow(tenant, async () => {
      const events = await news()
      return Promise.all(
        both.map(async ({ context }) => {
          for (const event of events) await ingest(context, event)
          return context.effects.catchUp()
        }),
      )
    })
    await tenant.subscribes(price)
    await tenant.uses('case', 3)
    await tenant.to('2026-02-01T02:00')
    expect((await tenant.invoices()).slice(1)).toEqual([invoice])
    const facts = await database.reader
      .selectFrom('billing_events')
      .select('type')
      .where('type', 'in', ['usage.window_closed', 'usage.line_asked', 'usage.line_refused'])
      .execute()
    expect(facts.map(({ type }) => type).toSorted()).toEqual([
      'usage.line_asked',
      'usage.line_asked',
      'usage.line_asked',
      'usage.window_closed',
    ])
    await tenant.isRight()
    await second.close()
    await tenant.close()
    await database.close()
  },
)

test('whatever the order of a renewal’s webhooks, and however often they come, it ends in the same cents', async () => {
  await fc.assert(
    fc.asyncProperty(fc.infiniteStream(fc.nat()), async (weights) => {
      const tenant = await openMonths({ webhooks: false })
      await tenant.subscribes()
      await tenant.uses('case', 3)
      await tenant.uses('agent', 2, { action: 'set' })
      const news = post(tenant)
      const anyOrder = (events: Stripe.Event[]) =>
        [...events, ...events]
          .map((event) => ({ event, weight: weights.next().value ?? 0 }))
          .toSorted((a, b) => a.weight - b.weight)
          .slice(0, events.length + 3)
      const { context } = tenant.service
      follow(tenant, async () => {
        const events = await news()
        const deliveries = anyOrder(events).map(({ event }) => event)
        const missing = events.filter((event) => !deliveries.includes(event))
        for (const event of [...deliveries, ...missing]) await ingest(context, event)
        return [await context.effects.catchUp()]
      })
      await tenant.to('2026-02-01T02:00')
      expect((await tenant.invoices()).slice(1)).toEqual([
        '2026-02-01T00:00 paid 27900: Agents 1 Jan 10000, Cases 1 Jan 3000, Platform base 1 Feb 10000, plan 4900',
      ])
      await tenant.addsUp()
      await tenant.close()
    }),
    { numRuns: 12 },
  )
})
