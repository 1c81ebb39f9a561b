import fc from 'fast-check'
import type Stripe from 'stripe'
import { readConfig } from '../../src/config.ts'
import { ingest } from '../../src/inbox/ingest.ts'
import { lastPosition } from '../../src/log/read.ts'
import { createLog } from '../../src/logging/log-output.ts'
import { createContext } from '../../src/main.ts'
import { erase } from '../../src/ops/erase.ts'
import { knownTenants } from '../../src/projections/tenants.ts'
import type { TestDatabase } from './databases.ts'
import { at, epoch, recordAll, usageRecorded } from './facts.ts'
import { recordSteps, steps } from './incident.ts'
import { eventOf } from './webhooks.ts'

const tenants = ['tenant_a', 'tenant_b']

const kinds = ['step', 'customer', 'card', 'invoice', 'subscription', 'usage', 'erasure'] as const

/** Something that happens to one of the tenants. */
export type Happening = { kind: (typeof kinds)[number]; tenant: string; value: number }

const happening = (kind: fc.Arbitrary<Happening['kind']>): fc.Arbitrary<Happening> =>
  fc.record({ kind, tenant: fc.constantFrom(...tenants), value: fc.nat({ max: 999 }) })

/** What happens to a few tenants, one after the other: steps, what Stripe says, usage, and somewhere an erasure or two. */
export const lives: fc.Arbitrary<Happening[]> = fc
  .tuple(
    fc.array(
      happening(
        fc.constantFrom(
          'step',
          'step',
          'step',
          'customer',
          'customer',
          'card',
          'invoice',
          'invoice',
          'subscription',
          'usage',
          'usage',
        ),
      ),
      { minLength: 12, maxLength: 18 },
    ),
    fc.array(fc.tuple(happening(fc.constant('erasure')), fc.integer({ min: 8, max: 20 })), {
      minLength: 1,
      maxLength: 2,
    }),
  )
  .map(([happenings, erasures]) => {
    const life = [...tenants.map((tenant) => ({ kind: 'step' as const, tenant, value: 0 })), ...happenings]
    for (const [erasure, index] of erasures) life.splice(Math.min(index, life.length), 0, erasure)
    return life
  })

/** An applicant who is corrected, a customer that Stripe refuses at first, and then as in the incident. */
const way: typeof steps = [
  ...steps.slice(0, 1),
  [
    'onboarding.applicant_corrected',
    {
      idempotency_key: null,
      personal: { email: 'a@person.example', name: 'Ada King', company_name: 'Engines', phone: null },
    },
  ],
  ...steps.slice(1, 2),
  [
    'onboarding.customer_failed',
    {
      attempt: 1,
      is_decline: false,
      code: 'email_invalid',
      decline_code: null,
      personal: { message: 'a@person.example is no e-mail' },
    },
  ],
  [
    'onboarding.customer_requested',
    { attempt: 2, idempotency_key: 'key-2', personal: { params: { email: 'a@person.example' } } },
  ],
  ...steps.slice(2),
]

/** The service without Stripe: what Stripe says comes as webhooks, each a second after the one before. */
export async function erasureWorld(db: TestDatabase) {
  let seconds = 0
  const now = () => new Date((epoch + seconds) * 1000)
  const config = readConfig({
    ADMIN_API_KEY: 'an-admin-key-of-the-tests',
    DATABASE_URL: db.url,
    STRIPE_ENABLED: 'false',
  })
  const log = createLog({ level: 'fatal', secrets: [], destination: { write: () => {} } })
  const context = createContext({ config, db, log, now })
  const taken = new Map<string, number>()

  async function says(type: string, object: object): Promise<void> {
    seconds += 1
    const created = epoch + seconds
    await ingest(context, eventOf(type, { created: epoch, ...object }, { created }) as Stripe.Event)
  }
  const isErased = async (tenant: string) =>
    (await db.reader.selectFrom('erased_tenants').selectAll().where('tenant_id', '=', tenant).execute())
      .length > 0
  const isKnown = async (tenant: string) => (await knownTenants(db.reader, [tenant])).has(tenant)

  const does: Record<
    Exclude<Happening['kind'], 'erasure'>,
    (tenant: string, value: number) => Promise<void>
  > = {
    async step(tenant) {
      const after = taken.get(tenant) ?? 0
      if (await isErased(tenant)) return
      taken.set(tenant, after + 1)
      await recordSteps(db, way.slice(after, after + 1), after, {
        sessionId: `session-${tenant}`,
        tenantId: tenant,
      })
    },
    customer: (tenant, value) =>
      says('customer.updated', {
        id: `cus_${tenant}`,
        object: 'customer',
        email: `${value}@person.example`,
        name: `Ada ${value}`,
        phone: `+1555${value}`,
        address: { line1: `${value} Lane` },
        balance: value,
        metadata: { tenant_id: tenant, company_name: `Company ${value}` },
      }),
    card: (tenant, value) =>
      says('payment_method.attached', {
        id: `pm_${tenant}${value % 2}`,
        object: 'payment_method',
        customer: `cus_${tenant}`,
        type: 'card',
        card: { brand: 'visa', last4: String(1000 + value), exp_month: 1, exp_year: 2030 },
        billing_details: { name: `Ada ${value}` },
      }),
    invoice: (tenant, value) => invoice(tenant, value % 3, value % 2 ? 'open' : 'paid', value),
    subscription: (tenant, value) => subscription(tenant, value % 3 ? 'active' : 'past_due'),
    async usage(tenant, value) {
      if (!(await isKnown(tenant))) return
      seconds += 1
      const personal = { idempotency_key: `for Ada ${value}`, metadata: { for: `Ada ${value}` } }
      const used = usageRecorded(`usg_${seconds}`, seconds, { quantity: 1 + value, personal })
      await recordAll(db, [{ ...used, tenant_id: tenant }], at(seconds))
    },
  }

  const invoice = (tenant: string, index: number, status: string, value: number) =>
    says('invoice.updated', {
      id: `in_${tenant}${index}`,
      object: 'invoice',
      customer: `cus_${tenant}`,
      status,
      currency: 'usd',
      total: value,
      amount_due: value,
      amount_paid: status === 'paid' ? value : 0,
      customer_email: `${value}@person.example`,
      hosted_invoice_url: `https://invoice.example/${value}`,
      period_start: epoch,
      period_end: epoch + 1000,
    })
  const subscription = (tenant: string, status: string) =>
    says(status === 'canceled' ? 'customer.subscription.deleted' : 'customer.subscription.updated', {
      id: `sub_${tenant}`,
      object: 'subscription',
      customer: `cus_${tenant}`,
      status,
      currency: 'usd',
      metadata: { plan_id: 'basic' },
      items: { data: [] },
    })

  return {
    isKnown,
    position: () => lastPosition(db.reader),
    happens: ({ kind, tenant, value }: Happening) =>
      kind === 'erasure' ? Promise.resolve() : does[kind](tenant, value),
    /** What is live ends first. */
    async settle(tenant: string): Promise<void> {
      const reader = db.reader
      const live = await reader
        .selectFrom('billing_subscriptions')
        .selectAll()
        .where('tenant_id', '=', tenant)
        .execute()
      if (live.length > 0) await subscription(tenant, 'canceled')
      const open = await reader
        .selectFrom('billing_invoices')
        .selectAll()
        .where('tenant_id', '=', tenant)
        .where('status', '=', 'open')
        .execute()
      for (const { invoice_id, total_cents } of open)
        await invoice(tenant, Number(invoice_id.at(-1)), 'void', total_cents)
    },
    async erase(tenant: string): Promise<void> {
      await erase(context, { actor: 'cli' }, { tenantId: tenant, forgive: true, keepStripe: true })
    },
  }
}
