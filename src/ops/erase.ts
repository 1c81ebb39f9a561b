import { sql } from 'kysely'
import { z } from 'zod'
import { finalStatuses } from '../../machines/onboarding-steps.ts'
import { forgiveAll } from '../charges/decisions.ts'
import type { AppContext } from '../context.ts'
import { timeOut } from '../db/fields.ts'
import { assertPersonalKeys, isErased } from '../db/seals.ts'
import type { Reader, Tables, Trx } from '../db/tables.ts'
import { recordRequest } from '../effects/operation.ts'
import type { Turn } from '../effects/turn.ts'
import { AppError, NotFound } from '../errors.ts'
import { dispatch, sessionOf } from '../inbox/sessions/store.ts'
import type { By } from '../log/by.ts'
import { streams } from '../log/facts.ts'
import { factById } from '../log/read.ts'
import { voidInvoice } from '../outbox/requests/void-invoice.ts'
import { knownTenants } from '../projections/tenants.ts'
import { assertFree, obstaclesOf } from './erase-obstacles.ts'

export const Erasure = z.object({
  tenant_id: z.string(),
  erased_at: timeOut,
  keeps_stripe: z.boolean(),
  is_scrubbed: z.boolean().meta({
    description:
      'False: a long read keeps old pages of the database alive; the same request again wipes them',
  }),
})
export type Erasure = z.infer<typeof Erasure>

type ErasureWanted = {
  tenantId: string
  /** What is due and what is not settled is written off first. */
  forgive: boolean
  /** The customer at Stripe stays. */
  keepStripe: boolean
}

/**
 * Makes what is kept of a tenant's persons unreadable for ever, in the past of the log too.
 * 1. Forgive, where that is wanted: each draft and open invoice is voided at Stripe.
 * 2. In one turn: refuse; or write off usage that no invoice has, cancel open sessions, record that the tenant was erased,
 *    destroy its keys, end its API keys, and ask for the deletion of its customer at Stripe.
 * 3. Wipe what the turn has overwritten out of the database's files.
 * 4. The outbox deletes the customer at Stripe, after the answer.
 * Killed before 2. it has not happened, and the same request again carries on what 1. has begun; after it, it does the rest and
 * answers the same.
 * @throws NotFound; AppError conflict with what stands in the way; NoPersonalKey
 */
export async function erase(context: AppContext, by: By, wanted: ErasureWanted): Promise<Erasure> {
  const { db } = context
  const { tenantId } = wanted
  await assertPersonalKeys(db)
  for (let round = 1; ; round += 1) {
    const unsettled = await context.transact(by, (turn) => eraseNow(turn, wanted))
    if (unsettled.length === 0) break
    if (round > 3)
      throw new AppError(
        'conflict',
        `Invoices are not settled (${unsettled.join(', ')}), though they were voided`,
        {
          details: { invoice_ids: unsettled },
        },
      )
    for (const invoiceId of unsettled) await voidInvoice(context, by, { tenantId, invoiceId })
  }
  const is_scrubbed = await db.scrub(touched)
  const { data, occurred_at } = await factById(db.reader, factIdOf(tenantId), 'tenant.erased')
  return { tenant_id: tenantId, erased_at: occurred_at, keeps_stripe: data.keeps_stripe, is_scrubbed }
}

const factIdOf = (tenantId: string) => `erase:${tenantId}`

const touched: (keyof Tables)[] = [
  'subject_keys',
  'idempotency_keys',
  'effects',
  'people',
  'billing_customers',
  'billing_invoices',
  'billing_payment_methods',
  'billing_usage_records',
]

/** Returns the invoices that have to be voided first; none: it is done, or was before. */
async function eraseNow(turn: Turn, wanted: ErasureWanted): Promise<string[]> {
  const { trx, now } = turn
  const { tenantId, forgive, keepStripe } = wanted
  if (await isErased(trx, tenantId)) return []
  if (!(await knownTenants(trx, [tenantId])).has(tenantId)) throw new NotFound('tenant')
  const obstacles = await obstaclesOf(trx, tenantId, { forgive, now })
  assertFree(obstacles, { forgive })
  if (obstacles.invoice_ids.length > 0) return obstacles.invoice_ids

  const customers = await customersOf(trx, tenantId)
  if (forgive) await forgiveAll(turn, tenantId, 'erased')
  await cancelSessions(turn, tenantId)
  await turn.record(streams.billing(tenantId), [
    {
      fact_id: factIdOf(tenantId),
      type: 'tenant.erased',
      tenant_id: tenantId,
      data: { keeps_stripe: keepStripe },
    },
  ])
  await destroyKeys(
    trx,
    tenantId,
    customers.map(({ customer_id }) => customer_id),
  )
  await forgetRequests(trx, tenantId)
  await trx
    .updateTable('api_keys')
    .set({ revoked_at: now })
    .where('tenant_id', '=', tenantId)
    .where('revoked_at', 'is', null)
    .execute()
  if (keepStripe) return []
  for (const { customer_id, is_deleted } of customers) {
    if (is_deleted === 1) continue
    const key = `stepledger:${tenantId}:delete_customer:${customer_id}`
    const order = { tenantId, operation: 'delete_customer' } as const
    const request = { call: 'delete_customer', targetId: customer_id, params: () => ({}) } as const
    await turn.enqueue(await recordRequest(turn, order, request, key))
  }
  return []
}

const customersOf = (reader: Reader, tenantId: string) =>
  reader
    .selectFrom('billing_customers')
    .select(['customer_id', 'is_deleted'])
    .where('tenant_id', '=', tenantId)
    .orderBy('customer_id')
    .execute()

async function cancelSessions(turn: Turn, tenantId: string): Promise<void> {
  const { trx } = turn
  const rows = await trx
    .selectFrom('onboarding_sessions')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('status', 'not in', finalStatuses)
    .execute()
  const cancelled = { type: 'onboarding.cancelled', data: { reason: 'erased' } } as const
  for (const row of rows) {
    const session = await sessionOf(trx, row).catch(undefinedIfQuarantined)
    if (!session?.snapshot.can(cancelled)) continue
    await dispatch(turn, session, cancelled, { factId: `${session.sessionId}:erased` })
  }
}

/** No step goes on in it, and no key opens it any more. */
function undefinedIfQuarantined(error: unknown): undefined {
  if (error instanceof AppError && error.code === 'session_quarantined') return undefined
  throw error
}

/** What was sealed under them cannot be read by anybody again. */
async function destroyKeys(trx: Trx, tenantId: string, customerIds: string[]): Promise<void> {
  await trx
    .deleteFrom('subject_keys')
    .where((eb) =>
      eb.or([
        eb('tenant_id', '=', tenantId),
        eb('subject', 'in', [`tenant:${tenantId}`, ...customerIds.map((id) => `customer:${id}` as const)]),
        // Quarantined, or of an unknown customer, and yet said to be about it.
        eb.and([
          eb('tenant_id', 'is', null),
          eb('subject', 'not in', ['seller', 'hashes']),
          eb(
            'subject',
            'in',
            eb
              .selectFrom('billing_events')
              .select('subject')
              .where('stream', '=', streams.stripe)
              .where('subject', 'is not', null)
              .where(names('data', `"tenant_id":"${tenantId}"`))
              .$narrowType<{ subject: Tables['subject_keys']['subject'] }>(),
          ),
        ]),
      ]),
    )
    .execute()
  // Also for those that share this transaction.
  trx.seals.forgetKeys()
}

/** Replies that are kept to be given again, also to others than the tenant, and what Stripe has said of a call. */
async function forgetRequests(trx: Trx, tenantId: string): Promise<void> {
  await trx
    .deleteFrom('idempotency_keys')
    .where((eb) => eb.or([eb('tenant_id', '=', tenantId), names('reply', `"${tenantId}"`)]))
    .execute()
  await trx.updateTable('effects').set({ last_error: null }).where('tenant_id', '=', tenantId).execute()
}

/** Whether the column's text has this in it. */
const names = (column: 'data' | 'reply', text: string) =>
  sql<boolean>`${sql.ref(column)} like ${`%${text.replaceAll(/[\\%_]/g, '\\$&')}%`} escape '\\'`
