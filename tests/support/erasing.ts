import { sql } from 'kysely'
import { expect } from 'vitest'
import { verify } from '../../src/ops/verify.ts'
import { replay } from '../../src/projections/replay.ts'
import { createPostgres } from './databases.ts'
import type { Reply } from './requests.ts'
import { type Service, startService } from './service.ts'
import { settled, wizard } from './wizard.ts'

/** Every text that the tenant gives has this in it, in any case. */
export const canary = /canary|4915112345678/i
export const person = {
  email: 'canary@example.com',
  name: 'Canary Nightingale',
  company_name: 'Canary Works',
  phone: '+4915112345678',
}
const returnUrl = 'http://localhost:8080/canary'

const databases = [
  { name: 'SQLite', create: async () => ({ url: undefined, close: async () => {} }) },
  { name: 'PostgreSQL', create: createPostgres },
]

/** For `describe.each(eachErasing)('on $name', ({ start }) => …)`. */
export const eachErasing = databases.map(({ name, create }) => ({
  name,
  start: async (more: Record<string, string> = {}) => {
    const database = await create()
    const service = await startService({
      webhooks: true,
      environment: { ...more, ...(database.url === undefined ? {} : { DATABASE_URL: database.url }) },
    })
    const close = async () => {
      await service.close()
      await database.close()
    }
    return { ...erasing(service), close }
  },
}))

export type Erasing = Awaited<ReturnType<(typeof eachErasing)[number]['start']>>

/** A service, a tenant on its way, and what may happen to it before it is erased. */
function erasing(service: Service) {
  const tenant = wizard(service)
  const rowsOf = async (table: string) =>
    (
      await sql<Record<string, unknown>>`
        select * from ${sql.table(table)} where tenant_id = ${tenant.of.tenantId}`.execute(
        service.context.db.reader,
      )
    ).rows
  const starts = (headers: Record<string, string> = {}): Promise<Reply> => tenant.start(person, { headers })
  return {
    service,
    tenant,
    rowsOf,
    starts,
    erase: (body: object = {}, tenantId = tenant.of.tenantId) =>
      service.request('POST', `/admin/tenants/${tenantId}/erase`, body),
    get: (path: string) => service.request('GET', path),
    async hasBought(): Promise<void> {
      await starts()
      expect((await tenant.createCustomer()).status).toBe(200)
      expect((await tenant.setupPayment(returnUrl)).status).toBe(200)
      await tenant.confirmCard()
      expect((await tenant.selectPlan()).status).toBe(200)
      expect((await tenant.createSubscription()).status).toBe(200)
      await settled(service)
    },
    async isSubscribedNoMore(): Promise<void> {
      const path = `/billing/subscriptions/${tenant.of.subscriptionId}/cancel`
      expect((await service.request('POST', path, { at_period_end: false })).status).toBe(200)
      await settled(service)
    },
    uses: (quantity = 1) =>
      service.request('POST', '/billing/usage', {
        tenant_id: tenant.of.tenantId,
        usage_type: 'case',
        quantity,
        idempotency_key: 'canary-1',
        metadata: { canary: 'canary' },
      }),
    async invoices(status: 'draft' | 'open'): Promise<string> {
      const { stripe } = service
      const customer = tenant.of.customerId
      const { id = '' } = await stripe.invoices.create({ customer, auto_advance: false })
      await stripe.invoiceItems.create({
        customer,
        invoice: id,
        amount: 900,
        currency: 'usd',
        description: 'Canary',
      })
      if (status === 'open') await stripe.invoices.finalizeInvoice(id, { auto_advance: false })
      await settled(service)
      return id
    },
    async isClean(): Promise<void> {
      expect(await verify(service.context.db)).toMatchObject({ ok: true, faults: [], drift: [] })
      expect(await replay(service.context.db)).toMatchObject({ ok: true, mended: [] })
    },
  }
}
