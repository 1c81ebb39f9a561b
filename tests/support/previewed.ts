import { expect } from 'vitest'
import type { ChangePreview, ChangeToPreview, OtherPreview } from '../../src/client/types.ts'
import { usageProductId } from '../../src/stripe/usage-product.ts'
import type { Months } from './months.ts'
import { carryOutDue, settled } from './wizard.ts'

export type Preview = ChangePreview | OtherPreview

const routeOf = { plan: 'change-plan', cancel: 'cancel', resume: 'resume', pause: 'pause' } as const

const subscriptionId = async (tenant: Months): Promise<string> =>
  (await tenant.ask('GET', `/billing/subscriptions/tenant/${tenant.tenantId}`)).subscription_id

const preview = async (tenant: Months, change: ChangeToPreview): Promise<Preview> =>
  tenant.ask('POST', `/billing/subscriptions/${await subscriptionId(tenant)}/preview-change`, change)

export const invoicesOf = async ({ stripe, customerId: customer }: Months) =>
  (await stripe.invoices.list({ customer, limit: 100 })).data

type Made = Awaited<ReturnType<typeof invoicesOf>>[number]

/** Unix seconds. */
export const second = (time: string) => Math.floor(Date.parse(time) / 1000)

/** The texts and amounts of our lines. */
export const ourLines = ({ lines }: Made) =>
  lines.data
    .filter((line) => isOurs(line))
    .map(({ description, amount }) => `${description}: ${amount}`)
    .sort()

const isOurs = ({ metadata, pricing }: Made['lines']['data'][number]) =>
  metadata.usage_type !== undefined || pricing?.price_details?.product === usageProductId

export function expectAsForetold(made: Made, foretold: NonNullable<Preview['due_now']>): void {
  expect(made.created).toBe(second(foretold.made_at))
  expect(made.total).toBe(foretold.total_cents)
  expect(ourLines(made)).toEqual(
    foretold.lines.map(({ description, amount_cents }) => `${description}: ${amount_cents}`).sort(),
  )
}

const factCount = async (tenant: Months) =>
  (await tenant.service.context.db.reader.selectFrom('billing_events').select('position').execute()).length

/** Webhooks lead to calls, and these to webhooks. */
async function quiet(tenant: Months): Promise<void> {
  for (let facts = -1; facts !== (await factCount(tenant)); ) {
    facts = await factCount(tenant)
    await settled(tenant.service)
    await carryOutDue(tenant.service)
  }
}

/** Previews a change and makes it at the same instant: what it invoices at once and what the status says are as previewed. */
export async function previewedAndDone(tenant: Months, change: ChangeToPreview): Promise<Preview> {
  await quiet(tenant)
  const before = await invoicesOf(tenant)
  const facts = await factCount(tenant)
  const foretold = await preview(tenant, change)
  expect(await factCount(tenant)).toBe(facts)
  expect(await invoicesOf(tenant)).toEqual(before)

  const { change: kind = 'plan', ...body } = change
  await tenant.does(routeOf[kind], body)
  const atOnce = (await invoicesOf(tenant)).filter(({ id }) => !before.some((each) => each.id === id))
  expect(atOnce).toHaveLength(foretold.due_now === null ? 0 : 1)
  if (atOnce[0] !== undefined && foretold.due_now !== null) expectAsForetold(atOnce[0], foretold.due_now)
  expect(await tenant.nextCents()).toBe(foretold.next_invoice?.total_cents ?? null)
  return foretold
}
