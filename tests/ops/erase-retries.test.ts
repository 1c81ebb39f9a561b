import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { erase } from '../../src/ops/erase.ts'
import { eachDatabase, type TestDatabase } from '../support/databases.ts'
import { type Months, openMonths } from '../support/months.ts'
import { settled } from '../support/wizard.ts'

describe.each(eachDatabase)('on $name', ({ create }) => {
  let database: TestDatabase
  let tenant: Months
  beforeEach(async () => {
    database = await create()
    tenant = await openMonths({ environment: { DATABASE_URL: database.url } })
  })
  afterEach(async () => {
    await tenant.close()
    await database.close()
  })

  /** The tenant's only invoice of ours is not paid, and its subscription has ended. @returns its id */
  async function owes(): Promise<string> {
    await tenant.subscribes('price_basic_yearly')
    await tenant.uses('case', 3)
    await tenant.pays('pm_card_chargeCustomerFail')
    await tenant.to('2026-02-01T00:00:01')
    await tenant.does('cancel', { at_period_end: false })
    await tenant.to('2026-02-02T03:00')
    const { data } = await tenant.stripe.invoices.list({ customer: tenant.customerId, status: 'open' })
    expect(data).toHaveLength(1)
    return data[0]?.id ?? ''
  }
  const erases = (forgive: boolean) =>
    erase(tenant.service.context, { actor: 'cli' }, { tenantId: tenant.tenantId, forgive, keepStripe: true })
  const retries = () =>
    tenant.service.context.db.reader
      .selectFrom('effects')
      .select('effect_id')
      .where('kind', '=', 'pay_invoice')
      .where('status', '=', 'pending')
      .execute()

  test('of a tenant that owes, the refusal of its erasure says what to do, and a payment to be tried again is no obstacle', async () => {
    const invoiceId = await owes()
    expect(await retries()).toHaveLength(1)
    await expect(erases(false)).rejects.toMatchObject({
      message: expect.stringContaining(
        `not settled (${invoiceId}): they have to be paid, voided or written off`,
      ),
      details: { pending_effects: [], invoice_ids: [invoiceId] },
    })
    expect(await erases(true)).toMatchObject({ tenant_id: tenant.tenantId })
    expect(await retries()).toEqual([])
  })

  test.each(['pay', 'void', 'write off'] as const)(
    'after its %s an invoice of ours is not tried again',
    async (end) => {
      const invoiceId = await owes()
      if (end === 'pay') await tenant.stripe.invoices.pay(invoiceId, { paid_out_of_band: true })
      if (end === 'void') await tenant.stripe.invoices.voidInvoice(invoiceId)
      if (end === 'write off') await tenant.stripe.invoices.markUncollectible(invoiceId)
      await settled(tenant.service)
      expect(await retries()).toEqual([])
      expect(await erases(false)).toMatchObject({ tenant_id: tenant.tenantId })
    },
  )
})
