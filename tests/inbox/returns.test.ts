import { readFile } from 'node:fs/promises'
import { afterEach, expect, test } from 'vitest'
import { wakeBilling } from '../../src/charges/bill.ts'
import { takeIn } from '../../src/inbox/take-in.ts'
import { verifyTables } from '../../src/projections/replay.ts'
import { runCli } from '../support/run-cli.ts'
import { type Service, startService } from '../support/service.ts'
import { carryOutDue, settled, type Wizard, wizard } from '../support/wizard.ts'

let service: Service
afterEach(() => service.close())

/** A tenant whose first invoice, of $149.00, is paid with this card. */
async function paidWith(card: string, environment: Record<string, string> = {}): Promise<Wizard> {
  const settings = { BILLING_TRIAL_PERIOD_DAYS: '0', ...environment }
  service = await startService({ webhooks: true, environment: settings })
  const tenant = wizard(service, { card })
  await tenant.to('createSubscription')
  await settled(service)
  return tenant
}
const invoiceOf = async ({ of }: Wizard) =>
  (await service.request('GET', `/billing/invoices/tenant/${of.tenantId}`)).body.data.items[0]
const accessOf = async ({ of }: Wizard) =>
  (await service.request('GET', `/billing/access/tenant/${of.tenantId}`)).body.data
const chargeOf = async ({ of }: Wizard) =>
  (await service.stripe.charges.list({ customer: of.customerId })).data[0]?.id ?? ''
const disputeOf = async (tenant: Wizard) =>
  (await service.stripe.disputes.list({ charge: await chargeOf(tenant) })).data[0]?.id ?? ''
const decided = async (tenant: Wizard, uncategorized_text: string) => {
  await service.stripe.disputes.update(await disputeOf(tenant), { evidence: { uncategorized_text } })
  await settled(service)
}

/** Where its total went. Money that went back is in none of these. */
async function expectWhole(tenant: Wizard) {
  const invoice = await invoiceOf(tenant)
  const parts = ['paid', 'outstanding', 'written_off', 'forgiven', 'credited', 'balance']
  expect(parts.reduce((sum, part) => sum + invoice[`${part}_cents`], 0)).toBe(invoice.total_cents)
  expect((await verifyTables(service.context.db)).drift).toEqual([])
  return invoice
}

test('a refund stands on the invoice that was paid, which stays paid, and says why', async () => {
  const tenant = await paidWith('pm_card_visa')
  const charge = await chargeOf(tenant)
  await service.stripe.refunds.create({ charge, amount: 1_000 })
  await service.stripe.refunds.create({ charge, amount: 500 })
  await settled(service)
  const invoice = await expectWhole(tenant)
  expect(invoice).toMatchObject({ status: 'paid', paid_cents: 14_900, refunded_cents: 1_500 })
  expect(await accessOf(tenant)).toMatchObject({ access: 'full' })
  const query = `table=billing_invoices&key=${invoice.invoice_id}&column=refunded_cents`
  const { facts } = (await service.request('GET', `/admin/why?${query}`)).body.data
  expect(facts.at(-1)).toMatchObject({
    type: 'stripe.object_observed',
    about: expect.stringMatching(/^invoice_payment inpay_/),
    changes: [{ column: 'refunded_cents', after: 1_500 }],
  })
  expect(facts.at(-1).event.about).toMatch(/^refund\.created re_/)
})

test('a refund with a credit note counts once as credited, and is told of as refunded', async () => {
  const tenant = await paidWith('pm_card_visa')
  const { invoice_id: invoice } = await invoiceOf(tenant)
  await service.stripe.creditNotes.create({ invoice, amount: 900, refund_amount: 900 })
  await settled(service)
  expect(await expectWhole(tenant)).toMatchObject({
    paid_cents: 14_000,
    credited_cents: 900,
    refunded_cents: 900,
  })
})

test('a refund of what paid no invoice changes nothing, and is no failure', async () => {
  const tenant = await paidWith('pm_card_visa')
  const before = await invoiceOf(tenant)
  const { id } = await service.stripe.paymentIntents.create({
    ...{ amount: 700, currency: 'usd', confirm: true, customer: tenant.of.customerId },
    payment_method: 'pm_card_visa',
    automatic_payment_methods: { enabled: true, allow_redirects: 'never' },
  })
  await service.stripe.refunds.create({ payment_intent: id })
  await settled(service)
  expect(await invoiceOf(tenant)).toEqual(before)
  const { data } = (await service.request('GET', '/admin/effects?status=failed')).body
  expect(data.items).toEqual([])
})

test('a dispute takes the money and changes no access; won, the money is back', async () => {
  const tenant = await paidWith('pm_card_createDispute')
  const open = { disputed_cents: 14_900, dispute_status: 'needs_response', paid_cents: 14_900 }
  expect(await expectWhole(tenant)).toMatchObject({ status: 'paid', ...open })
  await decided(tenant, 'winning_evidence')
  expect(await expectWhole(tenant)).toMatchObject({ disputed_cents: 0, dispute_status: 'won' })
  expect(await accessOf(tenant)).toMatchObject({ access: 'full' })
})

test('a question of the bank’s takes none', async () => {
  const tenant = await paidWith('pm_card_createDisputeInquiry')
  const asked = { disputed_cents: 0, dispute_status: 'warning_needs_response' }
  expect(await expectWhole(tenant)).toMatchObject(asked)
})

test('nothing that was written for the bank can be read in the database', async () => {
  const tenant = await paidWith('pm_card_createDispute')
  const evidence = { customer_name: 'Canary Xyzzy', uncategorized_text: 'losing_evidence' }
  await service.stripe.disputes.update(await disputeOf(tenant), { evidence })
  await settled(service)
  expect((await expectWhole(tenant)).dispute_status).toBe('lost')
  for (const file of ['test.db', 'test.db-wal'])
    expect((await readFile(`${service.directory}/${file}`)).includes('Xyzzy'), file).toBe(false)
})

test('a dispute that is lost suspends nobody by itself', async () => {
  const tenant = await paidWith('pm_card_createDispute')
  await decided(tenant, 'losing_evidence')
  expect(await expectWhole(tenant)).toMatchObject({ disputed_cents: 14_900, dispute_status: 'lost' })
  expect(await accessOf(tenant)).toMatchObject({ access: 'full', reason: 'subscription_active' })
})

test('one that was lost stays so, whatever the bank asks or decides of the same payment afterwards', async () => {
  const tenant = await paidWith('pm_card_createDispute', { BILLING_SUSPEND_ON_LOST_DISPUTE: 'true' })
  await decided(tenant, 'losing_evidence')
  const { payment_intent } = await service.stripe.charges.retrieve(await chargeOf(tenant))
  const answer = await service.context.stripe?.fetch('invoice_payment', String(payment_intent))
  if (answer === undefined) throw new Error('no Stripe')
  const { observation } = answer
  for (const [later, status] of ['warning_closed', 'won'].entries()) {
    const disputes = [{ id: `du_${later}`, status, amount: 14_900 }, ...(observation.object.disputes ?? [])]
    const asOf = observation.asOf + 1 + later
    const seen = { ...observation, asOf, object: { ...observation.object, disputes } } as typeof observation
    await service.context.transact({ actor: 'worker' }, (turn) => takeIn(turn, [seen], { cause: status }))
    expect(await expectWhole(tenant)).toMatchObject({ disputed_cents: 14_900, dispute_status: 'lost' })
    expect(await accessOf(tenant)).toMatchObject({ access: 'suspended', reason: 'dispute_lost' })
  }
})

test('once it is set, a start shuts out who has lost one before', async () => {
  const tenant = await paidWith('pm_card_createDispute')
  await decided(tenant, 'losing_evidence')
  const { directory, sandbox } = service
  const environment = { BILLING_SUSPEND_ON_LOST_DISPUTE: 'true' }
  const restarted = await startService({ directory, sandbox, environment })
  try {
    await restarted.context.transact({ actor: 'startup' }, wakeBilling)
    await carryOutDue(restarted)
    const recorded = await restarted.context.db.reader.selectFrom('billing_access').selectAll().execute()
    expect(recorded).toMatchObject([{ access: 'suspended', reason: 'dispute_lost' }])
  } finally {
    await restarted.close()
  }
})

test('where it is set, it suspends until an operator lifts it, for good', async () => {
  const tenant = await paidWith('pm_card_createDispute', { BILLING_SUSPEND_ON_LOST_DISPUTE: 'true' })
  const { invoice_id } = await invoiceOf(tenant)
  const lift = () =>
    service.request('POST', `/admin/invoices/${invoice_id}/lift-dispute`, { reason: 'They paid by wire' })
  expect(await accessOf(tenant)).toMatchObject({ access: 'full' })
  expect(await lift()).toMatchObject({ status: 409, body: { error: { code: 'conflict' } } })
  await decided(tenant, 'losing_evidence')
  expect(await accessOf(tenant)).toMatchObject({ access: 'suspended', reason: 'dispute_lost', until: null })
  const recorded = async () =>
    (
      await service.request(
        'GET',
        `/admin/events?tenant_id=${tenant.of.tenantId}&type=access.changed&limit=100`,
      )
    ).body.data.items.map(({ data }: { data: { access: string } }) => data.access)
  expect(await recorded()).toEqual(['full', 'suspended'])
  for (const _again of [1, 2])
    expect(await lift()).toMatchObject({
      status: 200,
      body: { data: { dispute_lifted_at: expect.any(String) } },
    })
  expect(await accessOf(tenant)).toMatchObject({ access: 'full', reason: 'subscription_active' })
  expect(await recorded()).toEqual(['full', 'suspended', 'full'])
  // What Stripe says of the invoice afterwards brings nothing back.
  await service.stripe.invoices.update(invoice_id, { metadata: { note: 'x' } })
  await settled(service)
  expect(await accessOf(tenant)).toMatchObject({ access: 'full' })
  await expectWhole(tenant)
  const database = ['--database', `file:${service.directory}/test.db`]
  const { stdout } = await runCli(['invoices', 'show', invoice_id, ...database])
  expect(stdout).toMatch(/disputed\s+\$149\.00\n.*dispute\s+lost/)
})
