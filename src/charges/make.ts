import { isUndone } from '../../machines/invoice.ts'
import type { Reader } from '../db/tables.ts'
import { type UsageType, usageTypes } from '../db/usage-types.ts'
import type { Turn } from '../effects/turn.ts'
import { type FactData, streams } from '../log/facts.ts'
import { lastPosition } from '../log/read.ts'
import { windowId } from '../projections/windows.ts'
import { tellStuck } from './alarms.ts'
import { askInvoice, askLine, type Target } from './ask-line.ts'
import { type Counted, countDue, countDues, storedDues } from './dues.ts'
import { type Known, knownOf, type Line, type Subscription, type Window } from './known.ts'
import {
  type Difference,
  type Due,
  differencesOf,
  fitting,
  lying,
  newDifferences,
  notesFor,
  wasRefused,
} from './lines.ts'
import { isOver, windowsOf } from './subscription.ts'

type LinesMade = FactData<'usage.lines_made'>

/** What a moment could make lines of, counted now: usage of closed windows, the base of every window that has begun. */
export async function toMake(
  { trx }: { trx: Reader },
  known: Known,
  subscription: Subscription,
  { openToo = false } = {},
): Promise<{ dues: Due[]; counted: Counted[] }> {
  const dues: Due[] = []
  const counted: Counted[] = []
  if (known.gone.has(subscription.customer_id)) return { dues, counted }
  for (const window of windowsOf(known, subscription)) {
    if (window.is_final === 1) dues.push(...storedDues(known, window))
    else if (window.closed_at !== null) counted.push(...(await countDues(trx, known, [window])))
    else {
      for (const type of typesWhileOpen(window, openToo)) dues.push(await countDue(trx, known, window, type))
    }
  }
  return { dues: inOrder([...dues, ...counted]), counted }
}

/** The base is due at a window's start. What was used in a trial waits for the first paid month. */
function typesWhileOpen({ is_trial }: Window, openToo: boolean): readonly UsageType[] {
  if (is_trial === 1) return []
  return openToo ? usageTypes : ['platform_base']
}

/** Windows in the order of time, and in a window the types: credits are used up in it too. */
const inOrder = (dues: Due[]) =>
  dues.sort(
    (a, b) =>
      Number(a.window.starts_at > b.window.starts_at) - Number(a.window.starts_at < b.window.starts_at) ||
      usageTypes.indexOf(a.type) - usageTypes.indexOf(b.type),
  )

/**
 * Makes the lines of a moment: on a draft of Stripe's, on an invoice of our own, or none (`target` null), and after the subscription's end
 * credit notes for what no invoice of ours can take. The moment is in the log either way, so that it comes once.
 */
export async function makeLines(
  turn: Turn,
  known: Known,
  subscription: Subscription,
  of: Pick<LinesMade, 'moment' | 'window_start' | 'invoice_id'> & { key: string; target: Target | null },
): Promise<void> {
  const { key, target, ...moment } = of
  const { dues, counted } =
    target === null
      ? { dues: [], counted: [] }
      : await toMake(turn, known, subscription, { openToo: of.moment === 'pause' })
  const upto_position = await lastPosition(turn.trx)
  const changes = changesIn(known, counted)
  for (const { window_start, dues: changed } of changes)
    tellStuck(turn, known.tenantId, windowId(subscription.subscription_id, window_start), changed)
  const isNew = await turn.record(streams.usage(known.tenantId), [
    {
      fact_id: `lines:${key}`,
      type: 'usage.lines_made',
      tenant_id: known.tenantId,
      data: {
        ...moment,
        subscription_id: subscription.subscription_id,
        counted: changes,
        upto_position,
      },
    },
  ])
  if (isNew.length === 0 || target === null) return
  const onIt =
    'invoiceId' in target ? known.lines.filter(({ invoice_id }) => invoice_id === target.invoiceId) : []
  const differences =
    of.moment === 'late' ? newDifferences(dues, known.lines) : differencesOf(dues, known.lines)
  const fit = fitting(differences, onIt, othersOn(known, target, onIt))
  if ('invoiceKey' in target && fit.length > 0) await askInvoice(turn, known, subscription, target.invoiceKey)
  for (const difference of fit)
    await askLine(turn, known, subscription, difference, { kind: 'item', target, upto_position })
  if (isOver(subscription)) await askNotes(turn, known.tenantId, subscription, dues, upto_position)
}

/** The cents of an invoice that are not ours. */
function othersOn({ invoices }: Known, target: Target, onIt: readonly Line[]): bigint {
  if (!('invoiceId' in target)) return 0n
  const invoice = invoices.find(({ invoice_id }) => invoice_id === target.invoiceId)
  const others = BigInt(invoice?.total_cents ?? 0) - lying(onIt)
  return others > 0n ? others : 0n
}

/** By window, what it owes now and did not when it was counted last. */
function changesIn({ dues: before }: Known, counted: readonly Due[]): LinesMade['counted'] {
  const isSame = ({ window, type, quantity, cents, state }: Due) => {
    const due = before.find(
      ({ window_id, usage_type }) => window_id === window.window_id && usage_type === type,
    )
    if (due === undefined) return quantity === 0n && cents === 0n && state === 'priced'
    return due.quantity === String(quantity) && due.due_cents === String(cents) && due.state === state
  }
  return [...Map.groupBy(counted, ({ window }) => window)].map(([{ starts_at }, dues]) => ({
    window_start: starts_at,
    dues: dues.filter((due) => !isSame(due)).map(countedDue),
  }))
}

export const countedDue = ({ type, quantity, cents, state }: Due) => ({
  usage_type: type,
  quantity: String(quantity),
  due_cents: String(cents),
  state,
})

/** Credit notes that a difference leads to, without those that Stripe has refused for good, as they are. */
export const newNotes = (known: Known, difference: Difference) =>
  notesFor(difference, known.lines, takesNotes(known)).filter(
    ({ invoiceId, cents }) =>
      !wasRefused({ ...difference, cents }, known.lines, { kind: 'credit_note', invoiceId }),
  )

/** Stripe credits what is open, paid or written off. */
const takesNotes =
  ({ invoices }: Known) =>
  (invoiceId: string) => {
    const invoice = invoices.find(({ invoice_id }) => invoice_id === invoiceId)
    return invoice !== undefined && invoice.status !== 'draft' && !isUndone(invoice.status)
  }

async function askNotes(
  turn: Turn,
  tenantId: string,
  subscription: Subscription,
  dues: readonly Due[],
  upto_position: number,
): Promise<void> {
  const known = await knownOf(turn.trx, tenantId)
  for (const difference of differencesOf(dues, known.lines))
    for (const { invoiceId, cents } of newNotes(known, difference))
      await askLine(
        turn,
        known,
        subscription,
        { ...difference, cents },
        { kind: 'credit_note', target: { invoiceId }, upto_position },
      )
}
