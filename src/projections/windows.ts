import { flag, type Trx } from '../db/tables.ts'
import { isLevel } from '../db/usage-types.ts'
import type { Fact } from '../log/facts.ts'
import type { Sighting } from '../log/sighting.ts'
import { onStripeObject, type Projection } from './projection.ts'
import { saveRow } from './save-row.ts'

/** The id of the window of a subscription that starts then. */
export const windowId = (subscriptionId: string, start: string) => `${subscriptionId}:${start}`

/** Usage is at most 35 days old when it is recorded: counted after that, a window changes no more by what is new. */
const countableMs = 36 * 86_400_000

/**
 * Service months. Their bounds are what the facts say; a trial ends where Stripe shows that it ends, for as long as it runs.
 * `is_final` says that a window need not be counted again, until a record of it is voided.
 */
export const windows: Projection = {
  table: 'billing_windows',
  primaryKey: 'window_id',
  on: {
    ...onStripeObject(['subscription'], show),
    'usage.window_opened': (trx, { tenant_id, data, position }) =>
      saveRow(trx, 'billing_windows', 'window_id', {
        ...unbilled,
        window_id: windowId(data.subscription_id, data.start),
        tenant_id: tenant_id ?? '',
        subscription_id: data.subscription_id,
        starts_at: data.start,
        ends_at: data.end,
        anchor_at: data.anchor,
        is_trial: flag(data.is_trial),
        has_base: flag(data.has_base),
        counts_from: data.counts_from,
        currency: data.currency,
        last_position: position,
      }),
    'usage.window_closed': async (trx, { tenant_id, data, occurred_at, position }) => {
      const { subscription_id, start, end, next } = data
      const id = windowId(subscription_id, start)
      const row = await trx
        .updateTable('billing_windows')
        .set({ ends_at: end, closed_at: occurred_at, last_position: position })
        .where('window_id', '=', id)
        .where('tenant_id', '=', tenant_id)
        .returningAll()
        .executeTakeFirst()
      if (row === undefined || next === null) return
      await saveRow(trx, 'billing_windows', 'window_id', {
        ...row,
        ...unbilled,
        window_id: windowId(subscription_id, next.start),
        starts_at: next.start,
        ends_at: next.end,
        has_base: flag(next.has_base),
        counts_from: next.start,
      })
    },
    'usage.lines_made': async (trx, fact) => {
      await markMade(trx, fact)
      const { counted, subscription_id } = fact.data
      if (counted.length === 0) return
      await trx
        .updateTable('billing_windows')
        .set({ is_final: 1, last_position: fact.position })
        .where('tenant_id', '=', fact.tenant_id)
        .where(
          'window_id',
          'in',
          counted.map(({ window_start }) => windowId(subscription_id, window_start)),
        )
        .where('ends_at', '<=', new Date(Date.parse(fact.occurred_at) - countableMs).toISOString())
        .execute()
    },
    'usage.late_noticed': async (trx, { tenant_id, data, position }) => {
      const last = await lastWindow(trx, data.subscription_id)
      await trx
        .updateTable('billing_windows')
        .set({ late_at: data.make_at, last_position: position })
        .where('tenant_id', '=', tenant_id)
        .where('window_id', '=', last?.window_id ?? '')
        .execute()
    },
    'usage.recorded': async (trx, { tenant_id, data, occurred_at, recorded_at, position }) => {
      if (Date.parse(recorded_at) - Date.parse(occurred_at) < countableMs) return
      await reopenCount(trx, { ...data, tenant_id, occurred_at, position })
    },
    'usage.voided': async (trx, { tenant_id, data, position }) => {
      const record = await trx
        .selectFrom('billing_usage_records')
        .select(['usage_type', 'action', 'occurred_at'])
        .where('record_id', '=', data.record_id)
        .executeTakeFirst()
      if (record !== undefined) await reopenCount(trx, { ...record, tenant_id, position })
    },
  },
}

const unbilled = {
  is_trial: 0,
  is_converted: 0,
  closed_at: null,
  draft_id: null,
  draft_again_at: null,
  missed_at: null,
  billed_at: null,
  late_at: null,
  is_final: 0,
} as const

async function show(trx: Trx, { objectId, recordedAt, position }: Sighting<'subscription'>): Promise<void> {
  const trials = await trx
    .selectFrom('billing_windows as w')
    .innerJoin('billing_subscriptions as s', 's.subscription_id', 'w.subscription_id')
    .select(['w.window_id', 'w.ends_at', 'w.closed_at', 'w.is_converted', 's.status', 's.trial_ends_at'])
    .where('w.subscription_id', '=', objectId)
    .where('w.is_trial', '=', 1)
    .execute()
  for (const { window_id, ends_at, closed_at, is_converted, status, trial_ends_at } of trials) {
    const isRunning = closed_at === null && recordedAt <= ends_at
    const change = {
      ...(isRunning && trial_ends_at !== null && trial_ends_at !== ends_at
        ? { ends_at: trial_ends_at, anchor_at: trial_ends_at }
        : {}),
      ...(is_converted === 0 && ends_at <= recordedAt && paying.includes(status)
        ? { is_converted: 1 as const }
        : {}),
    }
    if (Object.keys(change).length === 0) continue
    await trx
      .updateTable('billing_windows')
      .set({ ...change, last_position: position })
      .where('window_id', '=', window_id)
      .execute()
  }
}

const paying = ['active', 'past_due', 'unpaid']

async function markMade(trx: Trx, fact: Fact<'usage.lines_made'>): Promise<void> {
  const { moment, subscription_id, window_start, invoice_id } = fact.data
  const made = {
    draft: { draft_id: invoice_id },
    again: { draft_again_at: fact.occurred_at },
    window_end: { billed_at: fact.occurred_at },
    missed:
      invoice_id === null
        ? {}
        : { draft_id: invoice_id, draft_again_at: fact.occurred_at, missed_at: fact.occurred_at },
    late: { late_at: null },
    pause: {},
  }[moment]
  const start = moment === 'late' ? (await lastWindow(trx, subscription_id))?.starts_at : window_start
  if (Object.keys(made).length === 0 || start == null) return
  await trx
    .updateTable('billing_windows')
    .set({ ...made, last_position: fact.position })
    .where('tenant_id', '=', fact.tenant_id)
    .where('window_id', '=', windowId(subscription_id, start))
    .execute()
}

const lastWindow = (trx: Trx, subscriptionId: string) =>
  trx
    .selectFrom('billing_windows')
    .select(['window_id', 'starts_at'])
    .where('subscription_id', '=', subscriptionId)
    .orderBy('starts_at', 'desc')
    .limit(1)
    .executeTakeFirst()

/** The windows that a record counts in are to be counted again: of a level's `set` all that come after it too. */
async function reopenCount(
  trx: Trx,
  record: {
    tenant_id: string | null
    usage_type: string
    action: string
    occurred_at: string
    position: number
  },
): Promise<void> {
  const { tenant_id, usage_type, action, occurred_at, position } = record
  const carriesOver = action === 'set' && isLevel(usage_type)
  await trx
    .updateTable('billing_windows')
    .set({ is_final: 0, last_position: position })
    .where('tenant_id', '=', tenant_id)
    .where('is_final', '=', 1)
    .where((eb) =>
      eb.or([
        eb.and([
          eb('ends_at', '>', occurred_at),
          ...(carriesOver ? [] : [eb('counts_from', '<=', occurred_at)]),
        ]),
        eb(
          'window_id',
          'in',
          eb
            .selectFrom('billing_usage_decisions')
            .select('window_id')
            .$narrowType<{ window_id: string }>()
            .where('tenant_id', '=', tenant_id)
            .where('window_id', 'is not', null)
            .where('starts_at', '<=', occurred_at)
            .where('ends_at', '>', occurred_at),
        ),
      ]),
    )
    .execute()
}
