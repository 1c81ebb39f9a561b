import { Command } from 'commander'
import { listInvoices } from '../billing/invoices/list.ts'
import { rebillOwnInvoice } from '../billing/invoices/rebill.ts'
import { retryInvoice } from '../billing/invoices/retry.ts'
import { voidOwnInvoice } from '../billing/invoices/void.ts'
import type { AppContext } from '../context.ts'
import { liftDispute } from '../ops/lift-dispute.ts'
import { type Invoice, showInvoice } from '../views/invoices.ts'
import { money } from './money.ts'
import { paint, printJson, printLine, printTable } from './print.ts'
import type { LoadMain } from './service.ts'
import { whole } from './whole.ts'
import { withContext } from './with-context.ts'
import { type DatabaseOptions, withDatabase } from './with-database.ts'

export const invoicesCommand = (loadMain: LoadMain) =>
  new Command('invoices')
    .description('show invoices, collect them, void them, bill them again')
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(
      changeCommand('retry', 'collect an open invoice now', loadMain, (context, id, reason) =>
        retryInvoice(context, operator, id, { reason }),
      ),
    )
    .addCommand(
      changeCommand('void', 'let nobody owe an invoice any more', loadMain, (context, id, reason) =>
        voidOwnInvoice(context, operator, id, { reason }),
      ),
    )
    .addCommand(
      changeCommand(
        'lift-dispute',
        'let a tenant in again although the dispute of this invoice was lost',
        loadMain,
        (context, id, reason) => liftDispute(context, operator, id, { reason }),
      ),
    )
    .addCommand(rebillCommand(loadMain))

const operator = { actor: 'cli', tenantId: null, sessionId: null }

type ListOptions = DatabaseOptions & { tenant?: string; limit: number }

const listCommand = () =>
  new Command('list')
    .description('list the invoices, newest first')
    .option('--tenant <id>', 'only of this tenant')
    .option('--limit <number>', 'stop after so many', whole('a number of invoices'), 100)
    .option('--json', 'print one JSON array')
    .action((options: ListOptions) =>
      withDatabase(options, async ({ reader }) => {
        const invoices: Invoice[] = []
        for (let cursor: string | undefined; invoices.length < options.limit; ) {
          const limit = Math.min(100, options.limit - invoices.length)
          const page = await listInvoices(reader, options.tenant ?? null, { limit, cursor })
          invoices.push(...page.items)
          if (page.next_cursor === null) break
          cursor = page.next_cursor
        }
        if (options.json) return printJson(invoices)
        await printTable(
          ['invoice', 'tenant', 'made', 'status', 'total', 'outstanding'],
          invoices.map((one) => [
            ...[one.invoice_id, one.tenant_id, one.created_at, one.status],
            ...[money(one.total_cents, one.currency), money(one.outstanding_cents, one.currency)],
          ]),
        )
      }),
    )

const showCommand = () =>
  new Command('show')
    .description('show an invoice: where its total went, and our lines of it')
    .argument('<id>', 'the invoice')
    .option('--json', 'print it as JSON')
    .action((id: string, options: DatabaseOptions) =>
      withDatabase(options, async ({ reader }) => {
        const invoice = await showInvoice(reader, id, operator)
        if (options.json) return printJson(invoice)
        await printInvoice(invoice)
      }),
    )

type ReasonOptions = DatabaseOptions & { reason?: string }

const changeCommand = (
  name: string,
  description: string,
  loadMain: LoadMain,
  change: (context: AppContext, id: string, reason: string | undefined) => Promise<Invoice>,
) =>
  new Command(name)
    .description(description)
    .argument('<id>', 'the invoice')
    .option('--reason <text>', 'why')
    .option('--json', 'print the invoice as it is then')
    .action((id: string, options: ReasonOptions) =>
      withContext(options, loadMain, async (context) => {
        const invoice = await change(context, id, options.reason)
        if (options.json) return printJson(invoice)
        await printLine(`${id} is ${invoice.status}`)
      }),
    )

const rebillCommand = (loadMain: LoadMain) =>
  new Command('rebill')
    .description('make our lines of a voided invoice, or what was edited off one at Stripe, due again')
    .argument('<id>', 'the invoice')
    .option('--reason <text>', 'why')
    .option('--json', 'print {"invoice_id", "due_again_cents", "currency", "message"}')
    .action((id: string, options: ReasonOptions) =>
      withContext(options, loadMain, async (context) => {
        const rebilling = await rebillOwnInvoice(context, operator, id, options)
        if (options.json) return printJson(rebilling)
        await printLine(`${money(rebilling.due_again_cents, rebilling.currency)} are due again`)
        await printLine(rebilling.message)
      }),
    )

async function printInvoice(invoice: Invoice): Promise<void> {
  const { currency } = invoice
  const parts = ['total', 'paid', 'outstanding', 'written_off', 'forgiven', 'credited', 'balance'] as const
  const returned = ['refunded', 'disputed'] as const
  const amounts = [...parts, ...returned].map(
    (part) => [part.replace('_', ' '), invoice[`${part}_cents`]] as const,
  )
  const lines: [string, string | null][] = [
    ['invoice', invoice.invoice_id],
    ['tenant', invoice.tenant_id],
    ['status', invoice.status],
    ['made', invoice.created_at],
    ...amounts.map(([name, cents]): [string, string] => [name, money(cents, currency)]),
    ['dispute', invoice.dispute_status],
  ]
  for (const [name, value] of lines) await printLine(`${paint('bold', name.padEnd(12))}  ${value || '-'}`)
  await printLine('')
  await printTable(
    ['usage', 'month from', 'to', 'quantity', 'amount', 'kind', 'refused'],
    invoice.lines.map((line) => [
      ...[line.usage_type, line.window_start, line.window_end, line.quantity],
      ...[money(line.amount_cents, currency), line.kind, line.refusal],
    ]),
  )
}
