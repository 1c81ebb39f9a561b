import type Stripe from 'stripe'

/** How an invoice was paid, with what became of the money since: its charge tells of refunds, the disputes are a list apart. */
export type ReturnedPayment = Stripe.InvoicePayment & { disputes?: Stripe.Dispute[] }

/** @param id of the payment intent; one that pays no invoice is shown as an invoice's that is gone */
export async function returnedPayment(stripe: Stripe, id: string): Promise<ReturnedPayment | Gone> {
  const list = await stripe.invoicePayments.list({
    payment: { type: 'payment_intent', payment_intent: id },
    limit: 100,
    expand: ['data.invoice', 'data.payment.payment_intent.latest_charge'],
  })
  const payment = list.data.find(({ status }) => status === 'paid') ?? list.data[0]
  if (payment === undefined) return { id, object: 'invoice_payment', deleted: true }
  const { data: disputes } = await stripe.disputes.list({ payment_intent: id, limit: 100 })
  // The answer's time is that of the first one.
  return Object.defineProperty({ ...payment, disputes }, 'lastResponse', { value: list.lastResponse })
}

type Gone = { id: string; object: 'invoice_payment'; deleted: true }
