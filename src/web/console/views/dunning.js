import { post } from '../api.js'
import { confirmed } from '../confirm.js'
import { action, announce, h, pill, time } from '../dom.js'
import { money, spaced } from '../words.js'

/** @typedef {import('../../../ops/failing-payments.ts').FailingInvoice} FailingInvoice */

/** Why the bank said no, in Stripe's word for it. @param {string | null} code */
export const declineShown = (code) => code && spaced(code)

/**
 * What may be used, and the date that goes with it.
 * @param {{ access: string, since: string | null, until: string | null }} standing
 */
export const accessShown = ({ access, since, until }) => [
  pill(access),
  until !== null ? [' until ', time(until)] : since !== null && [' since ', time(since)],
]

/**
 * A button for each invoice that can be collected now. What was sent to be paid by a day is not.
 * @param {readonly FailingInvoice[]} invoices
 */
export const retryButtons = (invoices) => invoices.filter(({ can_retry }) => can_retry).map(retryButton)

/** @param {FailingInvoice} invoice */
function retryButton({ invoice_id, number, amount_cents, currency }) {
  const amount = money(amount_cents, currency)
  const name = number ?? invoice_id
  const retry = async () => {
    /** @type {import('../../../billing/invoices/payable.ts').PayableInvoice} */
    const { status, needs_authentication } = await post(`/invoices/${encodeURIComponent(invoice_id)}/retry`)
    const then = needs_authentication ? ': the bank waits for the customer' : ''
    announce(`${name} is ${status}${then}`)
    const outcome = h('span', { tabindex: -1 }, `${name} is `, pill(status), then)
    button.replaceWith(outcome)
    outcome.focus()
  }
  const button = action(`Collect ${amount}`, retry, { 'aria-label': `Collect ${amount} of ${name} now` })
  return button
}

/**
 * A button for each invoice whose dispute was lost: the tenant is let in again all the same.
 * @param {import('../../../ops/tenants.ts').TenantView['invoices']} invoices
 */
export const liftButtons = (invoices) =>
  invoices
    .filter(
      ({ dispute_status, dispute_lifted_at }) => dispute_status === 'lost' && dispute_lifted_at === null,
    )
    .map(liftButton)

/** @param {{ invoice_id: string, number: string | null }} invoice */
function liftButton({ invoice_id, number }) {
  const name = number ?? invoice_id
  const lift = async () => {
    const says = `The dispute of ${name} was lost. The tenant gets its access back, as far as nothing else stands in its way.`
    if (!(await confirmed('Let this tenant in again?', says, 'Let in again'))) return
    await post(`/invoices/${encodeURIComponent(invoice_id)}/lift-dispute`)
    announce(`The dispute of ${name} suspends nobody any more`)
    const outcome = h('span', { tabindex: -1 }, `The dispute of ${name} suspends nobody any more`)
    button.replaceWith(outcome)
    outcome.focus()
  }
  const button = action(`Lift the dispute of ${name}`, lift)
  return button
}
