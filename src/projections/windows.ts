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
    ...onStripeObject(['subscription', 'invoice'], (trx, sighting) =>
      sighting.objectType === 'subscription' ? show(trx, sighting) : showInvoice(trx, sighting),
    ),
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

type Seen<T extends 'subscription' | 'invoice'> = Omit<Sighting<T>, 'whole'>

async function show(trx: Trx, { objectId, recordedAt, position }: Seen<'subscription'>): Promise<void> {
  const trials = await trialsOf(trx, objectId)
  for (const { window_id, ends_at, closed_at, trial_ends_at } of trials) {
    const isRunning = closed_at === null && recordedAt <= ends_at
    if (!isRunning || trial_ends_at === null || trial_ends_at === ends_at) continue
    await trx
      .updateTable('billing_windows')
      .set({ ends_at: trial_ends_at, anchor_at: trial_ends_at, last_position: position })
      .where('window_id', '=', window_id)
      .execute()
  }
  await convert(trx, objectId, { recordedAt, position })
}

/** Of a renewal. */
async function showInvoice(trx: Trx, sighting: Seen<'invoice'>): Promise<void> {
  const invoice = await trx
    .selectFrom('billing_invoices')
    .select('subscription_id')
    .where('invoice_id', '=', sighting.objectId)
    .where('boundary_at', 'is not', null)
    .executeTakeFirst()
  if (invoice?.subscription_id != null) await convert(trx, invoice.subscription_id, sighting)
}

/**
 * A trial has led to a paid month where its subscription was seen paying after it, and where that webhook was lost or overtaken by the
 * subscription's end, by what stays seen whatever comes later: the renewal's invoice at its end, or a period that went on beyond it
 * and was no trial's.
 */
async function convert(
  trx: Trx,
  subscriptionId: string,
  { recordedAt, position }: Pick<Sighting, 'recordedAt' | 'position'>,
): Promise<void> {
  for (const { window_id, ends_at, is_converted, ...subscription } of await trialsOf(trx, subscriptionId)) {
    const { status, trial_ends_at, current_period_end, ended_at } = subscription
    if (is_converted === 1 || ends_at > recordedAt) continue
    // While a trial that was extended runs, its period goes beyond the end that it had before.
    const wentOn =
      (trial_ends_at ?? '') <= ends_at && (ended_at ?? '') > ends_at && (current_period_end ?? '') > ends_at
    if (!paying.includes(status) && !wentOn && !(await isRenewed(trx, subscriptionId, ends_at))) continue
    await trx
      .updateTable('billing_windows')
      .set({ is_converted: 1, last_position: position })
      .where('window_id', '=', window_id)
      .execute()
  }
}

const trialsOf = (trx: Trx, subscriptionId: string) =>
  trx
    .selectFrom('billing_windows as w')
    .innerJoin('billing_subscriptions as s', 's.subscription_id', 'w.subscription_id')
    .select(['w.window_id', 'w.ends_at', 'w.closed_at', 'w.is_converted'])
    .select(['s.status', 's.trial_ends_at', 's.current_period_end', 's.ended_at'])
    .where('w.subscription_id', '=', subscriptionId)
    .where('w.is_trial', '=', 1)
    .execute()

async function isRenewed(trx: Trx, subscriptionId: string, boundary: string): Promise<boolean> {
  const invoice = await trx
    .selectFrom('billing_invoices')
    .select('invoice_id')
    .where('subscription_id', '=', subscriptionId)
    .where('boundary_at', '=', boundary)
    .executeTakeFirst()
  return invoice !== undefined
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
