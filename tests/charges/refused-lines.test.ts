import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { rebillInvoice } from '../../src/charges/rebill.ts'
import { eachDatabase, type TestDatabase } from '../support/databases.ts'
import { type Months, openMonths } from '../support/months.ts'
import { requestsTo, settled } from '../support/wizard.ts'

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

  const refuse = (path: string) =>
    tenant.service.sandbox.faults.add({ method: 'POST', path, kind: '400', count: 1 })
  const askedFor = async (path: string) => (await requestsTo(tenant.service, 'POST', path)).length
  const waiting = () =>
    tenant.service.logLines.filter((line) => line.includes('it waits for what is due to change')).length
  const last = async () =>
    (await tenant.stripe.invoices.list({ customer: tenant.customerId, limit: 1 })).data[0]?.id ?? ''
  const rebill = async () => {
    const invoiceId = await last()
    return tenant.service.context.transact({ actor: 'cli' }, (turn) =>
      rebillInvoice(turn, { tenantId: tenant.tenantId, invoiceId, reason: null }),
    )
  }
  /** What leads to a look at what is due, and changes nothing. */
  const showsAgain = async (until: string) => {
    await tenant.stripe.invoices.update(await last(), { metadata: { touched: until } })
    await settled(tenant.service)
    await tenant.to(until)
  }
  const ended = async () => {
    await tenant.subscribes()
    const record = await tenant.uses('case', 3)
    await tenant.does('cancel')
    return record
  }

  test('a credit note that Stripe refuses is asked for once, until what is due changes or an operator says so', async () => {
    const record = await ended()
    await tenant.uses('api_call', 10_000)
    await tenant.to('2026-02-02T00:00')
    refuse('/v1/credit_notes')
    await tenant.ask('POST', `/billing/usage/${record}/void`, {})
    await tenant.to('2026-02-02T02:00')
    await showsAgain('2026-02-02T06:00')
    await showsAgain('2026-02-02T12:00')
    expect([await askedFor('/v1/credit_notes'), waiting()]).toEqual([1, 1])
    expect(await rebill()).toBe(-3000)
    await expect(rebill()).rejects.toThrow('that was done')
    await tenant.to('2026-02-02T14:00')
    expect(await askedFor('/v1/credit_notes')).toBe(2)
    expect(await tenant.nextCents()).toBeNull()
    await tenant.addsUp()
  })

  test('a line that the last invoice refuses is asked for once, until what is due changes', async () => {
    await ended()
    refuse('/v1/invoiceitems')
    await tenant.to('2026-02-01T02:00')
    refuse('/v1/invoiceitems')
    await tenant.to('2026-02-01T06:00')
    await showsAgain('2026-02-01T12:00')
    expect([await askedFor('/v1/invoiceitems'), waiting()]).toEqual([1, 1])
    expect(await tenant.nextCents()).toBeNull()
    tenant.service.sandbox.faults.clear()
    await tenant.uses('case', 2, { occurred_at: '2026-01-20T00:00:00Z' })
    await tenant.to('2026-02-01T14:00')
    expect((await tenant.invoices()).slice(1)).toEqual(['2026-02-01T13:00 paid 5000: Cases 1 Jan 5000'])
    await tenant.addsUp()
  })
})
