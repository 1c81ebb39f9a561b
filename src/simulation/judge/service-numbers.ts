import type { BillingStatus, TenantAccess, UsageSummary } from '../../client/types.ts'
import type { Reader, Row } from '../../db/tables.ts'
import type { World } from '../world/world.ts'
import type { Period } from './model-numbers.ts'
import { lineNames, type Numbers, nothing, textOr, timeText, windowName } from './numbers.ts'

export type Asked = { tenantId: string; periods: readonly Period[]; nameOf: (invoiceId: string) => string }

/** The numbers as the service has them: of its replies, and of its tables what no reply shows. */
export async function serviceNumbers({ ask, db }: Pick<World, 'ask' | 'db'>, of: Asked): Promise<Numbers> {
  const { tenantId } = of
  const numbers: Numbers = new Map()
  await addWindows(numbers, db.reader, tenantId)
  await addLines(numbers, db.reader, of)
  await addInvoices(numbers, db.reader, of)
  await addRecords(numbers, db.reader, of)
  const status = await ask<BillingStatus>('GET', `/billing/status/tenant/${tenantId}`)
  numbers.set('status next_invoice_amount_cents', textOr(status?.next_invoice_amount_cents ?? null))
  numbers.set('status is_delinquent', String(status?.is_delinquent))
  numbers.set('status outstanding_balance_cents', String(status?.outstanding_balance_cents))
  const access = await ask<TenantAccess>('GET', `/billing/access/tenant/${tenantId}`)
  numbers.set('access', `${access?.access} until ${timeText(access?.until ?? null)}`)
  for (const period of of.periods) await addSummary(numbers, ask, tenantId, period)
  return numbers
}

type Ask = World['ask']

async function addWindows(numbers: Numbers, reader: Reader, tenantId: string): Promise<void> {
  const windows = await reader
    .selectFrom('billing_windows')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .orderBy('starts_at')
    .execute()
  const dues = await reader
    .selectFrom('billing_window_dues')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .execute()
  for (const { window_id, subscription_id, starts_at, ends_at, is_trial, closed_at } of windows) {
    const name = windowName(subscription_id, starts_at)
    const ofWindow = dues.filter((due) => due.window_id === window_id && due.due_cents !== '0')
    if (starts_at === ends_at && ofWindow.length === 0) continue
    numbers.set(name, `to ${timeText(ends_at)}${is_trial ? ', trial' : ''}${closed_at ? ', closed' : ''}`)
    for (const { usage_type, due_cents, quantity, state } of ofWindow) {
      numbers.set(`${name} ${usage_type} due`, due_cents)
      numbers.set(`${name} ${usage_type} quantity`, quantity)
      numbers.set(`${name} ${usage_type} state`, state)
    }
  }
}

async function addLines(numbers: Numbers, reader: Reader, { tenantId, nameOf }: Asked): Promise<void> {
  const lines = await reader
    .selectFrom('billing_usage_lines as line')
    .innerJoin('billing_windows as window', 'window.window_id', 'line.window_id')
    .selectAll('line')
    .select('window.starts_at')
    .where('line.tenant_id', '=', tenantId)
    .orderBy('line.position')
    .execute()
  const named = lineNames()
  const charged = new Map<string, bigint>()
  for (const line of lines) {
    const window = windowName(line.subscription_id, line.starts_at)
    const on = line.invoice_id === null ? `asked as ${line.invoice_key}` : `on ${nameOf(line.invoice_id)}`
    const where = { item: on, first: on, credit_note: `noted ${on}`, forgiven: 'forgiven' }[line.kind]
    numbers.set(
      named(window, line.usage_type),
      `${line.amount_cents} ${where}, item ${line.item_cents}, charged ${line.charged_cents}`,
    )
    const name = `${window} ${line.usage_type} charged`
    charged.set(name, (charged.get(name) ?? 0n) + BigInt(line.charged_cents))
  }
  for (const [name, cents] of charged) if (cents !== 0n) numbers.set(name, String(cents))
}

async function addInvoices(numbers: Numbers, reader: Reader, { tenantId, nameOf }: Asked): Promise<void> {
  const invoices = await reader
    .selectFrom('billing_invoices')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .execute()
  for (const invoice of invoices) {
    const name = `invoice ${nameOf(invoice.invoice_id)}`
    numbers.set(`${name} status`, invoice.status)
    numbers.set(`${name} total`, String(invoice.status === 'deleted' ? 0 : invoice.total_cents))
    numbers.set(`${name} credited`, String(invoice.credited_cents))
    numbers.set(`${name} from balance`, String(invoice.balance_cents))
    if (invoice.status !== 'draft') numbers.set(`${name} outstanding`, String(outstandingOf(invoice)))
  }
}

const outstandingOf = ({ status, amount_remaining_cents }: Row<'billing_invoices'>) =>
  status === 'open' ? amount_remaining_cents : 0

async function addSummary(numbers: Numbers, ask: Ask, tenantId: string, period: Period): Promise<void> {
  const [start, end] = [period.start, period.end].map((time) => new Date(time).toISOString())
  const path = `/billing/usage/tenant/${tenantId}/summary?period_start=${start}&period_end=${end}`
  const summary = await ask<UsageSummary>('GET', path)
  for (const line of summary?.usage ?? []) {
    const { billed, unbilled, forgiven } = line
    numbers.set(
      `summary ${timeText(period.start)}/${timeText(period.end)} ${line.usage_type}`,
      `${line.quantity}: ${line.amount_cents} = ${billed.amount_cents} billed + ${unbilled.amount_cents} unbilled + ${forgiven.amount_cents} forgiven`,
    )
  }
}

async function addRecords(numbers: Numbers, reader: Reader, { tenantId, nameOf }: Asked): Promise<void> {
  const records = await reader
    .selectFrom('usage_billing')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .execute()
  for (const { record_id, invoice_id, billed_at } of records) {
    numbers.set(`record ${record_id} invoice`, invoice_id === null ? nothing : nameOf(invoice_id))
    numbers.set(`record ${record_id} is billed`, String(billed_at !== null))
  }
}
