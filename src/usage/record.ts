import { createHash, randomUUID } from 'node:crypto'
import { z } from 'zod'
import { billTenant } from '../charges/bill.ts'
import { earliest } from '../charges/months.ts'
import type { AppContext } from '../context.ts'
import { freeMetadata, pickFields, tenantId, text, time, timeOut } from '../db/fields.ts'
import { prepared } from '../db/prepared.ts'
import type { Trx } from '../db/tables.ts'
import { isLevel } from '../db/usage-types.ts'
import type { Turn, TurnFact } from '../effects/turn.ts'
import { AppError, type FieldProblem } from '../errors.ts'
import type { By } from '../log/by.ts'
import { canonicalJson } from '../log/canonical-json.ts'
import { type Fact, streams, usageTypes } from '../log/facts.ts'
import { findFacts } from '../log/read.ts'
import { knownTenants } from '../projections/tenants.ts'

/** Usage as a caller reports it; `occurred_at` is now when left out. */
export const UsageInput = (now: () => Date) =>
  z
    .strictObject({
      tenant_id: tenantId,
      usage_type: z.enum(usageTypes),
      quantity: z
        .int()
        .min(0)
        // In words: what looks like a phone number is masked in errors.
        .max(1_000_000_000, 'must be at most one billion')
        .meta({ description: 'Of agents and users at most 1,000,000; 0 only with `set`' }),
      action: z.enum(['increment', 'set']).default('increment'),
      occurred_at: time
        .refine((value) => {
          const agoMs = now().getTime() - Date.parse(value)
          return agoMs >= -aheadMs && agoMs <= backMs
        }, 'must be at most 5 minutes ahead and 35 days back')
        .optional(),
      idempotency_key: text(255).optional(),
      metadata: freeMetadata.default({}),
    })
    .superRefine((record, { addIssue }) => {
      const message = quantityProblem(record)
      if (message !== undefined) addIssue({ code: 'custom', path: ['quantity'], message })
    })
    .meta({ id: 'UsageInput' })
export type UsageInput = z.infer<ReturnType<typeof UsageInput>>

/** `whose`: whose idempotency keys its records have. `key`: the request's own. */
export type UsageRequest = { by: By; whose: 'platform' | 'tenant'; key?: string | undefined }

export const UsageRecord = z
  .object({
    record_id: z.string(),
    tenant_id: z.string(),
    usage_type: z.enum(usageTypes),
    action: z.enum(['increment', 'set']),
    quantity: z.int(),
    occurred_at: timeOut,
    recorded_at: timeOut,
    is_late: z.boolean(),
    idempotency_key: z.string().nullable(),
    metadata: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'UsageRecord' })
export type UsageRecord = z.infer<typeof UsageRecord>

export const RecordedUsage = UsageRecord.extend({
  warning: z.literal('over_limit').optional().meta({
    description:
      'Its month comes to more than Stripe takes as one amount, and is held until records are voided or it is released',
  }),
}).meta({ id: 'RecordedUsage' })
export type RecordedUsage = z.infer<typeof RecordedUsage>

/** What is wrong with a quantity of 0 to 1,000,000,000, by what it is a quantity of. */
function quantityProblem({
  usage_type,
  action,
  quantity,
}: Pick<UsageInput, 'usage_type' | 'action' | 'quantity'>): string | undefined {
  if (quantity === 0 && action === 'increment') return 'must be at least 1, or 0 to set'
  return isLevel(usage_type) && quantity > 1_000_000
    ? 'must be at most 1000000 of agents and users'
    : undefined
}

/** How far ahead of our clock, and how far back, usage may have occurred. */
export const aheadMs = 5 * 60_000
const backMs = 35 * 24 * 3_600_000

/**
 * Records all or nothing. A record whose key has been used for its tenant already is answered as it stands in the log.
 * @param request.whose whose keys they are: what a tenant sends neither collides with the platform's records nor reads them
 * @param request.key the request's own idempotency key and whose it is: a repeated request counts once even where its
 *   records have no keys of their own
 * @param request.pathOf how the caller calls a field of a record
 * @throws AppError not_found for unknown tenants, idempotency_mismatch for a key used with other content: `details`
 *   names each
 */
export async function recordUsage(
  context: AppContext,
  inputs: readonly UsageInput[],
  request: UsageRequest & { pathOf: (index: number, field: string) => string },
): Promise<UsageRecord[]> {
  const now = context.now().toISOString()
  const drafts = inputs.map((input, index) => draft(input, request, index, now))
  return context.transact(request.by, async (turn) => {
    const { trx } = turn
    const tenants = await knownTenants(
      trx,
      drafts.map((one) => one.tenant_id),
    )
    const before = await findFacts(trx, [...new Set(drafts.map(({ fact_id }) => fact_id))], 'usage.recorded')
    const recorded = new Map(before.map((fact) => [fact.fact_id, fact]))
    const fresh = decideUsage({ tenants, recorded }, drafts, request.pathOf)
    for (const fact of await appendUsage(turn, fresh)) recorded.set(fact.fact_id, fact)
    // What stands under a key has this content, or it would have been refused: nothing sealed has to be opened.
    return drafts.map(({ fact_id, tenant_id, data: { personal } }) => {
      const fact = recorded.get(fact_id)
      if (fact === undefined) throw new Error(`${fact_id} is not in the log after it was appended`)
      return {
        ...pickFields(UsageRecord, fact.data),
        ...personal,
        tenant_id,
        occurred_at: fact.occurred_at,
        recorded_at: fact.recorded_at,
      }
    })
  })
}

/** What is known about the drafts: which tenants there are, and what the log has under their ids already. */
export type UsageKnown = {
  tenants: ReadonlySet<string>
  recorded: ReadonlyMap<string, { data: { record_id: string } }>
}

/**
 * Those that are to be recorded. One whose key has been used for the same before is not; a key that stands twice in one
 * batch counts once.
 * @throws AppError as `recordUsage`
 */
export function decideUsage<Draft extends DraftIds>(
  { tenants, recorded }: UsageKnown,
  drafts: readonly Draft[],
  pathOf: (index: number, field: string) => string,
): Draft[] {
  const problems = (message: string, field: string, isBad: (one: Draft) => boolean): FieldProblem[] =>
    drafts.flatMap((one, index) => (isBad(one) ? [{ path: pathOf(index, field), message }] : []))
  const strangers = problems('No such tenant', 'tenant_id', (one) => !tenants.has(one.tenant_id))
  if (strangers.length > 0)
    throw new AppError('not_found', 'No such tenant', { details: { fields: strangers } })

  const firstUnder = new Map<string, Draft>()
  for (const one of drafts) if (!firstUnder.has(one.fact_id)) firstUnder.set(one.fact_id, one)
  const changed = problems('was used for other content', 'idempotency_key', ({ fact_id, data }) => {
    const first = recorded.get(fact_id) ?? firstUnder.get(fact_id)
    return first?.data.record_id !== data.record_id
  })
  if (changed.length > 0)
    throw new AppError('idempotency_mismatch', 'An idempotency key was used for other content before', {
      details: { fields: changed },
    })
  return [...firstUnder.values()].filter(({ fact_id }) => !recorded.has(fact_id))
}

/** `fact_id` follows from the key, `record_id` from the key and the content. */
type DraftIds = { fact_id: string; tenant_id: string; data: { record_id: string } }

export type UsageDraft = TurnFact<'usage.recorded'> & { tenant_id: string; occurred_at: string }

/**
 * Appends, and marks what is late: what occurred in a time of which lines were made, or an operator has decided, before. What comes for a subscription that has
 * ended is billed by itself. Returns the facts that are new.
 */
export async function appendUsage(
  turn: Turn,
  drafts: readonly UsageDraft[],
): Promise<Fact<'usage.recorded'>[]> {
  const recorded: Fact<'usage.recorded'>[] = []
  for (const [tenantId, ofTenant] of Map.groupBy(drafts, (one) => one.tenant_id)) {
    const first = earliest(...ofTenant.map(({ occurred_at }) => occurred_at))
    const counted = await countedSince(turn.trx, tenantId, first)
    const isLate = (time: string) =>
      counted.some(({ isDecided, from, ends_at }) => isDecided && from <= time && time < ends_at)
    const facts = ofTenant.map((one) => ({ ...one, data: { ...one.data, is_late: isLate(one.occurred_at) } }))
    const appended = await turn.record(streams.usage(tenantId), facts)
    if (ofTenant.some(({ occurred_at }) => isAfterEnd(counted, occurred_at))) await billTenant(turn, tenantId)
    recorded.push(...appended.filter((fact) => fact.type === 'usage.recorded'))
  }
  return recorded
}

/** An id that everybody derives alike from the same parts. */
export const derivedId = (parts: unknown) =>
  createHash('sha256').update(canonicalJson(parts)).digest('base64url').slice(0, 32)

/**
 * Under a key both ids follow from the request: the fact's from the key alone, so that the log holds one of them, and
 * the record's from the content too, so that other content under the key is seen.
 */
function draft(input: UsageInput, { whose, by, key }: UsageRequest, index: number, now: string): UsageDraft {
  const { tenant_id, usage_type, action, quantity, occurred_at, idempotency_key } = input
  const ownKey =
    idempotency_key === undefined
      ? undefined
      : [whose === 'tenant' ? 'usage-of-tenant' : 'usage', tenant_id, idempotency_key]
  const requestKey = key === undefined ? undefined : ['usage-request', by.actor, key, index]
  const id = derivedId(ownKey ?? requestKey ?? randomUUID())
  return {
    fact_id: `usage_${id}`,
    type: 'usage.recorded',
    tenant_id,
    data: {
      record_id: `usg_${derivedId([id, input])}`,
      usage_type,
      action,
      quantity,
      is_late: false,
      personal: { idempotency_key: idempotency_key ?? null, metadata: input.metadata },
    },
    occurred_at: occurred_at ?? now,
  }
}

/** Whether it may count in a window whose subscription has ended, be it as an old count or a level: it waits for no window's end. */
const isAfterEnd = (counted: Awaited<ReturnType<typeof countedSince>>, time: string) =>
  counted.some(
    ({ ends_at, isOpen, subscription_id }) =>
      subscription_id !== null &&
      !isOpen &&
      time < ends_at &&
      !counted.some((other) => other.isOpen && other.subscription_id === subscription_id),
  )

/** What may make usage since then late: service months, and decisions about usage outside of them. */
async function countedSince(trx: Trx, tenant_id: string, since: string) {
  const { rows } = await boundsSince(trx, { tenant_id, since })
  return rows.map(({ subscription_id, closed_at, draft_id, billed_at, ...bounds }) => ({
    ...bounds,
    subscription_id,
    isOpen: closed_at === null,
    isDecided: subscription_id === null || draft_id !== null || billed_at !== null,
  }))
}

const boundsSince = prepared((db, { tenant_id, since }: { tenant_id: string; since: string }) =>
  db
    .selectFrom('billing_windows')
    .select(['subscription_id', 'counts_from as from', 'ends_at', 'closed_at', 'draft_id', 'billed_at'])
    .where('tenant_id', '=', tenant_id)
    .where('ends_at', '>', since)
    .$castTo<Bounds>()
    .unionAll(
      db
        .selectFrom('billing_usage_decisions')
        .select(({ lit }) => [
          lit(null).as('subscription_id'),
          'starts_at as from',
          'ends_at',
          lit(null).as('closed_at'),
          lit(null).as('draft_id'),
          lit(null).as('billed_at'),
        ])
        .where('tenant_id', '=', tenant_id)
        .where('ends_at', '>', since),
    ),
)

/** `subscription_id`: null of a decision. */
type Bounds = Record<'from' | 'ends_at', string> &
  Record<'subscription_id' | 'closed_at' | 'draft_id' | 'billed_at', string | null>
