import { z } from 'zod'
import type { AppContext } from '../../context.ts'
import { StripeFailure } from '../../stripe/failure.ts'
import { Invoice } from '../../views/invoices.ts'

/** An invoice, and what its customer's browser needs where the bank wants to hear them. */
export const PayableInvoice = Invoice.extend({
  client_secret: z.string().nullable().meta({
    description:
      'For Stripe.js, where `needs_authentication`; null as well while Stripe cannot be asked, and in a list for all but the newest five of a page. `hosted_invoice_url` is the way without Stripe.js',
  }),
}).meta({ id: 'PayableInvoice' })
export type PayableInvoice = z.infer<typeof PayableInvoice>

/** More than a customer has open at a time; each one is a call to Stripe. */
const mostSecrets = 5

/** As `payable`, of a page: Stripe is asked one by one, for the first few that wait for the customer. */
export async function payablePage(
  context: Pick<AppContext, 'stripe' | 'log'>,
  invoices: readonly Invoice[],
): Promise<PayableInvoice[]> {
  const asked = invoices.filter(({ needs_authentication }) => needs_authentication).slice(0, mostSecrets)
  const shown: PayableInvoice[] = []
  for (const invoice of invoices)
    shown.push(
      asked.includes(invoice) ? await payable(context, invoice) : { ...invoice, client_secret: null },
    )
  return shown
}

/** The secret is fetched from Stripe each time, and kept nowhere. */
export async function payable(
  { stripe, log }: Pick<AppContext, 'stripe' | 'log'>,
  invoice: Invoice,
): Promise<PayableInvoice> {
  if (!invoice.needs_authentication || stripe === undefined) return { ...invoice, client_secret: null }
  try {
    const { clientSecret } = await stripe.fetch('invoice', invoice.invoice_id)
    return { ...invoice, client_secret: clientSecret }
  } catch (error) {
    if (!(error instanceof StripeFailure)) throw error
    log.warn({ err: error, invoice_id: invoice.invoice_id }, 'no client secret of an invoice could be had')
    return { ...invoice, client_secret: null }
  }
}
