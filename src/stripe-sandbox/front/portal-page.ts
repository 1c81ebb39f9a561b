import { mustFind, type Turn } from '../objects/turn.ts'

/** What a customer sees of the portal: whose it is, what is subscribed to, the invoices, and the way back. */
export function portalPage(turn: Turn, id: string): string {
  const session = mustFind(turn, 'billing_portal.session', id)
  const customer = mustFind(turn, 'customer', session.customer)
  const subscriptions = turn.store.all('subscription', { customer: customer.id })
  const invoices = turn.store.all('invoice', { customer: customer.id })
  const list = (name: string, items: string[]) =>
    `<h2>${name}</h2><ul>${items.map((item) => `<li>${escaped(item)}</li>`).join('')}</ul>`
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Customer portal (sandbox)</title>
<body style="font:16px system-ui;max-width:28rem;margin:4rem auto">
<h1>Customer portal</h1><p>${escaped(customer.name ?? customer.email ?? customer.id)}</p>
${list(
  'Subscriptions',
  subscriptions.map((each) => `${each.id}: ${each.status}`),
)}
${list(
  'Invoices',
  invoices.map((each) => `${each.number ?? each.id}: ${each.status}, ${each.total} ${each.currency}`),
)}
${session.return_url === null ? '' : `<p><a href="${escaped(session.return_url)}">Back</a></p>`}
</body></html>`
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
