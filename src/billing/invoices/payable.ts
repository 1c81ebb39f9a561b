import { z } from 'zod'
import type { AppContext } from '../../context.ts'
import { StripeFailure } from '../../stripe/failure.ts'
import { Invoice } from '../../views/invoices.ts'

/** An invoice, and what its customer's browser needs where the bank wants to hear them. */
export const PayableInvoice = Invoice.extend({
  client_secret: z.string().nullable().meta({
    description:
      'For Stripe.js, where `needs_authentication`; null as well while Stripe cannot be asked. `hosted_invoice_url` is the way without Stripe.js',
  }),
}).meta({ id: 'PayableInvoice' })
export type PayableInvoice = z.infer<typeof PayableInvoice>

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
