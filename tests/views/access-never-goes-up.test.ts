import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Access, accessOf } from '../../machines/subscription.ts'
import type { Fact } from '../../src/log/facts.ts'
import { readFacts } from '../../src/log/read.ts'
import { verifyTables } from '../../src/projections/replay.ts'
import { type Service, startService } from '../support/service.ts'
import { type Wizard, wizard } from '../support/wizard.ts'

const height: Record<Access, number> = { none: 0, suspended: 1, grace: 2, full: 3 }

test('as time alone goes by, access never goes up', () => {
  const status = fc.constantFrom(
    'trialing',
    'active',
    'past_due',
    'unpaid',
    'paused',
    'canceled',
    'incomplete',
  )
  const ms = fc.integer({ min: 0, max: 60 * 86_400_000 })
  const iso = (offset: number) => new Date(Date.UTC(2026, 0, 1) + offset).toISOString()
  fc.assert(
    fc.property(status, fc.option(ms), fc.nat({ max: 30 }), ms, ms, (status, failing, graceDays, a, b) => {
      const failingSince = failing === null ? null : iso(failing)
      const [first, second] = [Math.min(a, b), Math.max(a, b)].map((now) =>
        accessOf({ status, endsAt: null }, { failingSince, graceDays, now: iso(now) }),
      )
      expect(height[second?.access ?? 'none']).toBeLessThanOrEqual(height[first?.access ?? 'none'])
    }),
  )
})

const deeds = ['wait', 'wait long', 'bad card', 'good card', 'use', 'cancel', 'resume', 'subscribe'] as const
type Deed = (typeof deeds)[number]

test('whatever tenants do, access goes up by a payment, a new subscription or a decision alone', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(...deeds), { minLength: 4, maxLength: 9 }), async (life) => {
      const service = await startService({
        webhooks: true,
        environment: { BILLING_TRIAL_PERIOD_DAYS: '0', BILLING_GRACE_DAYS: '6' },
      })
      try {
        const tenant = wizard(service)
        await tenant.to('createSubscription')
        for (const deed of life) await act(service, tenant, deed)
        const facts = await Array.fromAsync(
          readFacts(service.context.db.reader, { tenantId: tenant.of.tenantId }),
        )
        expectReasons(facts)
        const { data } = (await service.request('GET', `/billing/access/tenant/${tenant.of.tenantId}`)).body
        const last = facts.findLast((fact) => fact.type === 'access.changed')
        expect(last?.data).toMatchObject({ access: data.access, until: data.until })
        expect((await verifyTables(service.context.db)).ok).toBe(true)
      } finally {
        await service.close()
      }
    }),
    // The first one is sure to lose access and to get it back.
    { numRuns: 5, examples: [[['bad card', 'wait long', 'wait', 'good card', 'wait long', 'wait']]] },
  )
})

const changes = (facts: readonly Fact[]) =>
  facts.filter((fact): fact is Fact<'access.changed'> => fact.type === 'access.changed')

/** Between two changes of which the second goes up there is something that has brought it. */
function expectReasons(facts: readonly Fact[]): void {
  let before = 0
  for (const { position, data } of changes(facts)) {
    const meanwhile = facts.filter((fact) => fact.position > before && fact.position < position)
    if (height[data.access] > height[data.from])
      expect(meanwhile.some(bringsAccess), `${data.from} to ${data.access} at ${position}`).toBe(true)
    before = position
  }
}

function bringsAccess({ type, data }: Fact): boolean {
  if (type === 'billing.operation_requested') return true
  if (type === 'stripe.event_received')
    return ['invoice.paid', 'customer.subscription.created'].includes(data.event_type)
  if (type !== 'stripe.object_observed') return false
  const { status } = data.object
  return data.object_type === 'invoice' ? status === 'paid' : data.object_type === 'subscription'
}

async function act(service: Service, { of }: Wizard, deed: Deed): Promise<void> {
  const { clock } = service.sandbox
  const wait = (days: number) => clock.advanceTo(Math.ceil(clock.nowMs() / 1000) + days * 86_400)
  const tenant_id = of.tenantId
  const post = (path: string, body: object = {}) => service.request('POST', `/billing/${path}`, body)
  switch (deed) {
    case 'wait':
      await wait(4)
      return
    case 'wait long':
      await wait(17)
      return
    case 'bad card':
    case 'good card': {
      const card = deed === 'bad card' ? 'pm_card_chargeCustomerFail' : 'pm_card_visa'
      const { id } = await service.stripe.paymentMethods.attach(card, { customer: of.customerId })
      await service.stripe.customers.update(of.customerId, {
        invoice_settings: { default_payment_method: id },
      })
      const live = await service.stripe.subscriptions.list({ customer: of.customerId })
      for (const one of live.data)
        await service.stripe.subscriptions.update(one.id, { default_payment_method: id })
      return
    }
    case 'use':
      await post('usage', { tenant_id, usage_type: 'case', quantity: 2 })
      return
    case 'cancel':
    case 'resume':
      await post(`subscriptions/${of.subscriptionId}/${deed}`)
      return
    case 'subscribe':
      await post('subscriptions', {
        ...{ tenant_id, customer_id: of.customerId, price_id: 'price_basic_monthly' },
        payment_method_id: 'pm_card_visa',
      })
  }
}
