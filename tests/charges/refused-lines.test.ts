import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { forgiveUsage } from '../../src/charges/decisions.ts'
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
  const rebill = async (of?: string) => {
    const invoiceId = of ?? (await last())
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

  test('of a credit that is split over two invoices, the note that the first one refuses is asked for once more', async () => {
    await tenant.subscribes()
    const first = await tenant.uses('case', 3)
    await tenant.does('cancel')
    await tenant.to('2026-02-02T00:00')
    const second = await tenant.uses('case', 2, { occurred_at: '2026-01-20T00:00:00Z' })
    await tenant.to('2026-02-03T00:00')
    refuse('/v1/credit_notes')
    await tenant.ask('POST', `/billing/usage/${first}/void`, {})
    await tenant.ask('POST', `/billing/usage/${second}/void`, {})
    await tenant.to('2026-02-03T06:00')
    const notes = await tenant.stripe.creditNotes.list({ customer: tenant.customerId })
    expect(notes.data).toHaveLength(1)
    const { data } = await tenant.stripe.invoices.list({ customer: tenant.customerId })
    const invoiceId = data.find(({ id, total }) => id !== notes.data[0]?.invoice && total < 10_000)?.id ?? ''
    expect(await rebill(invoiceId)).toBeLessThan(0)
    await tenant.to('2026-02-03T12:00')
    expect(await askedFor('/v1/credit_notes')).toBe(3)
    expect(await tenant.nextCents()).toBeNull()
    await tenant.addsUp()
  })

  test('a line that a draft refuses while another is under way goes on an invoice of ours once that one is there', async () => {
    await tenant.subscribes()
    await tenant.uses('case', 3)
    await tenant.to('2026-01-31T23:59')
    refuse('/v1/invoiceitems')
    const { faults } = tenant.service.sandbox
    faults.add({ method: 'POST', path: '/v1/invoiceitems', kind: 'delay', delayMs: 400 })
    await tenant.to('2026-02-01T00:30')
    const invoices = (await tenant.invoices()).slice(1).map((text) => text.replace(/^\S+ /, ''))
    expect(invoices).toHaveLength(2)
    expect(invoices[1]).toMatch(/^paid (3000: Cases 1 Jan 3000|10000: Platform base 1 Feb 10000)$/)
    await tenant.to('2026-02-01T02:00')
    await tenant.addsUp()
  })

  test('of two months that begin at one instant, the empty one of a subscription that ended then is not meant', async () => {
    await tenant.subscribes()
    await tenant.does('cancel', { at_period_end: false })
    await tenant.subscribes()
    await tenant.uses('case', 3)
    await tenant.to('2026-01-02T00:00')
    const windows = await tenant.service.context.db.reader
      .selectFrom('billing_windows')
      .select('starts_at')
      .execute()
    expect(new Set(windows.map(({ starts_at }) => starts_at)).size).toBe(1)
    const decision = { tenantId: tenant.tenantId, type: 'case', reason: null } as const
    const windowStart = windows[0]?.starts_at ?? ''
    const forgiven = tenant.service.context.transact({ actor: 'cli' }, (turn) =>
      forgiveUsage(turn, { ...decision, windowStart }),
    )
    expect(await forgiven).toBe(3000n)
  })

  test('after the end, a rebilling says that what it brings back goes on an invoice of its own', async () => {
    await ended()
    await tenant.pays('pm_card_chargeCustomerFail')
    await tenant.to('2026-02-01T02:00')
    await tenant.stripe.invoices.voidInvoice(await last())
    await settled(tenant.service)
    const { message } = await tenant.ask('POST', `/billing/invoices/${await last()}/rebill`, {})
    expect(message).toContain('on an invoice of their own, an hour from now')
    await tenant.pays('pm_card_visa')
    await tenant.to('2026-02-01T04:00')
    expect((await tenant.invoices()).at(-1)).toBe('2026-02-01T03:00 paid 3000: Cases 1 Jan 3000')
    await tenant.isRight()
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
