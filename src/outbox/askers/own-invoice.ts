import { lineEffect } from '../../charges/ask-line.ts'
import { billTenant } from '../../charges/bill.ts'
import { dayMs, later } from '../../charges/months.ts'
import type { Reader } from '../../db/tables.ts'
import type { NewEffect } from '../../effects/effects.ts'
import { cardFor } from '../../effects/invoice-card.ts'
import { withoutCard } from '../../effects/payment-retries.ts'
import type { Turn } from '../../effects/turn.ts'
import { enqueueRefresh } from '../../inbox/enqueue-refresh.ts'
import type { Fact } from '../../log/facts.ts'
import { keyInMetadata } from '../../stripe/call.ts'
import type { StripeFailure } from '../../stripe/failure.ts'
import type { Asker } from './asker.ts'

type InvoiceFact = Fact<'usage.invoice_asked'>

/** A payment that fails is tried again so many days after the first attempt. */
const retryDays = [1, 3, 5, 7]

/**
 * An invoice of our own, one call after the other, each asked for by what the one before has brought: made; its lines put on it
 * (`chargeLine`); finalised; paid, or sent. One without a line is deleted again.
 */
export const ownInvoice: Asker<InvoiceFact> = {
  async wanted(reader, { data, tenant_id }, { kind, params: { payment_method } }) {
    if (kind !== 'create_invoice')
      return {
        params: payment_method === undefined ? {} : { payment_method },
        targetId: await idOf(reader, data.invoice_key),
      }
    const { days_until_due } = data
    return {
      params: {
        customer: data.customer_id,
        currency: data.currency,
        collection_method: data.collection_method,
        ...(days_until_due === null ? {} : { days_until_due }),
        metadata: { tenant_id, [keyInMetadata]: data.invoice_key },
      },
    }
  },

  async answered(turn, fact, { kind }, { object }) {
    const { invoice_key, collection_method } = fact.data
    if (kind === 'create_invoice') return putLinesOn(turn, fact)
    if (kind !== 'finalize_invoice' || !('status' in object) || object.status !== 'open') return
    await turn.enqueue(
      collection_method === 'send_invoice'
        ? call(fact, 'send_invoice', `${invoice_key}:send`)
        : await payment(turn.trx, fact, 0),
    )
  },

  async refused(turn, fact, { kind, effectId, tenantId, params: { payment_method } }, failure) {
    const { invoice_key } = fact.data
    if (kind === 'create_invoice') return refuseInvoice(turn, fact, failure)
    const invoice = { objectType: 'invoice', objectId: await idOf(turn.trx, invoice_key), tenantId } as const
    await enqueueRefresh(turn, invoice, effectId)
    if (kind !== 'pay_invoice') return
    const attempt = Number(/:pay:(\d+)/.exec(effectId)?.[1])
    // Nothing was tried with a card that is not there.
    if (payment_method !== undefined && lacksCard(failure) && !effectId.endsWith(withoutCard))
      return turn.enqueue(call(fact, 'pay_invoice', `${effectId}${withoutCard}`))
    const days = retryDays[attempt]
    if (days === undefined) return
    const dueAt = later(turn.now, (days - (retryDays[attempt - 1] ?? 0)) * dayMs)
    await turn.enqueue({ ...(await payment(turn.trx, fact, attempt + 1)), dueAt })
  },
}

/** Once none of its lines is under way any more, an invoice of ours is made final; one without any is deleted. */
export async function continueInvoice(turn: Turn, fact: InvoiceFact): Promise<void> {
  const { invoice_key } = fact.data
  const lines = await turn.trx
    .selectFrom('billing_usage_lines as l')
    .leftJoin('effects as e', 'e.effect_id', 'l.line_id')
    .select(['l.refusal', 'e.status'])
    .where('l.invoice_key', '=', invoice_key)
    .execute()
  if (lines.some(({ status }) => status === null || status === 'pending')) return
  const isEmpty = lines.every(({ refusal }) => refusal !== null)
  await turn.enqueue(
    isEmpty
      ? call(fact, 'delete_invoice', `${invoice_key}:delete`)
      : call(fact, 'finalize_invoice', `${invoice_key}:finalize`),
  )
}

const payment = async (reader: Reader, fact: InvoiceFact, attempt: number): Promise<NewEffect> =>
  call(
    fact,
    'pay_invoice',
    `${fact.data.invoice_key}:pay:${attempt}`,
    await cardFor(reader, fact.data.invoice_key),
  )

const lacksCard = ({ kind, param }: StripeFailure) =>
  kind === 'missing' || (kind === 'rejected' && (param ?? '').startsWith('payment_method'))

const call = (
  { stream, tenant_id, fact_id }: InvoiceFact,
  kind: 'finalize_invoice' | 'pay_invoice' | 'send_invoice' | 'delete_invoice',
  effectId: string,
  payment_method?: string,
): NewEffect => ({ effectId, tenantId: tenant_id, stream, kind, params: { fact_id, payment_method } })

async function idOf(reader: Reader, invoiceKey: string): Promise<string> {
  const invoice = await reader
    .selectFrom('billing_invoices')
    .select('invoice_id')
    .where('made_under', '=', invoiceKey)
    .executeTakeFirstOrThrow()
  return invoice.invoice_id
}

async function putLinesOn(turn: Turn, { tenant_id, data }: InvoiceFact): Promise<void> {
  for (const lineId of await lineIds(turn, data.invoice_key))
    await turn.enqueue(lineEffect(tenant_id ?? '', lineId, 'item'))
}

/** Its lines are due again: at the next window end, or after the subscription's end on one more invoice, which is asked for later. */
async function refuseInvoice(
  turn: Turn,
  { fact_id, tenant_id, stream, data }: InvoiceFact,
  { code, param }: StripeFailure,
): Promise<void> {
  const { invoice_key, customer_id } = data
  const lines = await lineIds(turn, invoice_key)
  await turn.record(
    stream,
    lines.map((line_id) => ({
      fact_id: `${line_id}:refused`,
      type: 'usage.line_refused',
      tenant_id,
      data: { line_id, reason: code },
    })),
  )
  turn.log.error(
    { tenant_id, invoice_key, reason: code },
    'an invoice of our own was refused; its lines wait for the next',
  )
  // Nothing more is asked of a customer that is gone.
  if (param === 'customer')
    await enqueueRefresh(
      turn,
      { objectType: 'customer', objectId: customer_id, tenantId: tenant_id },
      fact_id,
    )
  if (tenant_id !== null) await billTenant(turn, tenant_id)
}

async function lineIds(turn: Turn, invoiceKey: string): Promise<string[]> {
  const lines = await turn.trx
    .selectFrom('billing_usage_lines')
    .select('line_id')
    .where('invoice_key', '=', invoiceKey)
    .orderBy('position')
    .execute()
  return lines.map(({ line_id }) => line_id)
}
