import { tellRefused } from '../../charges/alarms.ts'
import { billTenant, missDraft } from '../../charges/bill.ts'
import type { Reader } from '../../db/tables.ts'
import type { Effect } from '../../effects/effects.ts'
import type { Turn } from '../../effects/turn.ts'
import type { Fact } from '../../log/facts.ts'
import { factById } from '../../log/read.ts'
import { type CallParams, keyInMetadata } from '../../stripe/call.ts'
import type { CallName } from '../../stripe/calls.ts'
import { isLive } from '../../views/subscriptions.ts'
import type { Asker } from './asker.ts'
import { continueInvoice } from './own-invoice.ts'

type LineFact = Fact<'usage.line_asked'>

/**
 * Puts a line on its invoice, or takes it off again (`delete_invoice_item`), or makes a credit note of it. Whatever Stripe refuses for
 * good, as for an invoice that is a draft no more, is not charged.
 */
export const chargeLine: Asker<LineFact> = {
  async wanted(reader, { data, tenant_id }, { kind }) {
    const { line_id, amount_cents, currency, description, quantity, usage_type } = data
    const invoice = await invoiceOf(reader, line_id)
    const metadata = { tenant_id, usage_type, quantity, [keyInMetadata]: line_id }
    if (kind === 'delete_invoice_item') return { params: {}, targetId: await itemOf(reader, line_id) }
    if (kind === 'create_credit_note') return { params: creditNote(invoice, { ...data, metadata }) }
    const period = await periodOf(reader, data)
    return {
      params: {
        customer: data.customer_id,
        invoice: invoice?.invoice_id,
        amount: amount_cents,
        currency,
        description,
        discountable: false,
        ...(period === undefined ? {} : { period }),
        metadata,
      },
    }
  },

  async answered(turn, fact, effect) {
    const { kind, tenantId } = effect
    if (kind === 'delete_invoice_item') await refuse(turn, fact, 'taken_off')
    else await continueOwn(turn, fact)
    if (tenantId === null) return
    if (await hasEnded(turn, fact)) await billTenant(turn, tenantId)
    else if (effect.kind === 'create_invoice_item') await missOthers(turn, effect, fact)
  },

  async refused(turn, fact, effect, { code }) {
    const { tenantId } = effect
    // It stays on an invoice that became final meanwhile.
    if (effect.kind === 'delete_invoice_item') return
    await refuse(turn, fact, code)
    const { invoice_key, invoice_id, subscription_id, kind } = fact.data
    tellRefused(turn, fact.data, { reason: code, isLast: await hasEnded(turn, fact) })
    if (invoice_key !== null) return continueOwn(turn, fact)
    if (tenantId === null || invoice_id === null || kind !== 'item') return
    if (!(await isPending(turn, effect, invoice_id)))
      await missDraft(turn, tenantId, subscription_id, invoice_id)
  },
}

const refuse = (turn: Turn, { stream, tenant_id, data }: LineFact, reason: string) =>
  turn.record(stream, [
    {
      fact_id: `${data.line_id}:refused`,
      type: 'usage.line_refused',
      tenant_id,
      data: { line_id: data.line_id, reason },
      metadata: { causation: data.line_id },
    },
  ])

async function continueOwn(turn: Turn, { data }: LineFact): Promise<void> {
  if (data.invoice_key !== null)
    await continueInvoice(turn, await factById(turn.trx, data.invoice_key, 'usage.invoice_asked'))
}

/** Then the last invoice may wait for what became of this line. */
async function hasEnded({ trx }: Turn, { data }: LineFact): Promise<boolean> {
  const subscription = await trx
    .selectFrom('billing_subscriptions')
    .select('status')
    .where('subscription_id', '=', data.subscription_id)
    .executeTakeFirst()
  return subscription !== undefined && !isLive(subscription)
}

async function invoiceOf(reader: Reader, lineId: string) {
  return reader
    .selectFrom('billing_usage_lines as l')
    .innerJoin('billing_invoices as i', 'i.invoice_id', 'l.invoice_id')
    .select(['i.invoice_id', 'i.status'])
    .where('l.line_id', '=', lineId)
    .executeTakeFirst()
}

async function itemOf(reader: Reader, lineId: string): Promise<string> {
  const item = await reader
    .selectFrom('billing_invoice_items')
    .select('item_id')
    .where('made_under', '=', lineId)
    .executeTakeFirst()
  return item?.item_id ?? ''
}

async function periodOf(reader: Reader, { subscription_id, window_start }: LineFact['data']) {
  const window = await reader
    .selectFrom('billing_windows')
    .select(['starts_at', 'ends_at'])
    .where('window_id', '=', `${subscription_id}:${window_start}`)
    .executeTakeFirst()
  const seconds = (time: string) => Math.floor(Date.parse(time) / 1000)
  return window && { start: seconds(window.starts_at), end: seconds(window.ends_at) }
}

/** Of what is paid, the credit goes to the customer's balance. */
function creditNote(
  invoice: { invoice_id: string; status: string } | undefined,
  line: { amount_cents: number; description: string; metadata: object },
): CallParams {
  const amount = -line.amount_cents
  return {
    invoice: invoice?.invoice_id,
    lines: [{ type: 'custom_line_item', description: line.description, quantity: 1, unit_amount: amount }],
    ...(invoice?.status === 'paid' ? { credit_amount: amount } : {}),
    metadata: line.metadata,
  }
}

/** The last line of a draft is on it: what of the others was refused meanwhile has waited for that. */
async function missOthers(
  turn: Turn,
  effect: Effect<CallName>,
  { tenant_id, data }: LineFact,
): Promise<void> {
  const { invoice_id, invoice_key, subscription_id } = data
  if (tenant_id === null || invoice_id === null || invoice_key !== null) return
  const refused = await turn.trx
    .selectFrom('billing_usage_lines')
    .select('line_id')
    .where('invoice_id', '=', invoice_id)
    .where('upto_position', '=', data.upto_position)
    .where('kind', '=', 'item')
    .where('refusal', 'is not', null)
    .where('refusal', '!=', 'taken_off')
    .executeTakeFirst()
  if (refused === undefined || (await isPending(turn, effect, invoice_id))) return
  await missDraft(turn, tenant_id, subscription_id, invoice_id)
}

async function isPending(turn: Turn, { effectId }: Effect<CallName>, invoiceId: string): Promise<boolean> {
  const other = await turn.trx
    .selectFrom('billing_usage_lines as l')
    .innerJoin('effects as e', 'e.effect_id', 'l.line_id')
    .select('l.line_id')
    .where('l.invoice_id', '=', invoiceId)
    .where('e.status', '=', 'pending')
    .where('l.line_id', '!=', effectId)
    .executeTakeFirst()
  return other !== undefined
}
