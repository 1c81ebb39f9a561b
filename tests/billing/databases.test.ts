import { expect, test } from 'vitest'
import { verifyTables } from '../../src/projections/replay.ts'
import { eachDatabase } from '../support/databases.ts'
import { startService } from '../support/service.ts'

test.each(eachDatabase)(
  'on $name a tenant is billed alike, and the tables are what the log makes them',
  async ({ create }) => {
    const database = await create()
    const service = await startService({ environment: { DATABASE_URL: database.url } })
    const ok = async (method: string, path: string, body?: object) => {
      const reply = await service.request(method, path, body)
      expect(reply.status).toBe(200)
      return reply.body.data ?? reply.body
    }
    try {
      await ok('POST', '/billing/discounts', { code: 'Ever', percent_off: 10, duration: 'forever' })
      const customer = { tenant_id: 'tenant_a', email: 'a@example.com', name: 'A' }
      const { customer_id } = await ok('POST', '/billing/customers', customer)
      const { subscription_id } = await ok('POST', '/billing/subscriptions', {
        tenant_id: 'tenant_a',
        customer_id,
        price_id: 'price_basic_monthly',
        payment_method_id: 'pm_card_visa',
        discount_code: 'EVER',
      })
      const verb = (name: string, body?: object) =>
        ok('POST', `/billing/subscriptions/${subscription_id}/${name}`, body)
      await verb('change-plan', { price_id: 'price_professional_monthly', proration_behavior: 'none' })
      await verb('cancel')
      await verb('resume')
      expect(await ok('GET', '/billing/status/tenant/tenant_a')).toMatchObject({
        subscription_status: 'active',
        next_invoice_amount_cents: 9900 - 990 + 10_000,
      })
      expect((await ok('GET', '/billing/invoices/tenant/tenant_a?limit=1')).items).toHaveLength(1)
      expect((await ok('GET', '/billing/payment-methods/tenant/tenant_a')).next_cursor).toBeNull()
      expect((await ok('GET', '/billing/plans')).items).toHaveLength(3)
      expect(await ok('DELETE', '/billing/discounts/ever')).toMatchObject({ code: 'Ever', is_active: false })
      expect((await ok('GET', '/billing/discounts?limit=5')).items).toHaveLength(1)
      expect(await verifyTables(service.context.db)).toMatchObject({ ok: true, drift: [] })
    } finally {
      await service.close()
      await database.close()
    }
  },
)
