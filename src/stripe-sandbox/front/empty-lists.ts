import { noSuch } from '../objects/errors.ts'
import type { Route } from '../objects/routes.ts'

/** What the sandbox keeps none of: programs that read a whole account find an empty page, and go on. */
const kinds = [
  'application_fees',
  'balance_transactions',
  'billing/credit_grants',
  'billing/meters',
  'checkout/sessions',
  'entitlements/active_entitlements',
  'entitlements/features',
  'file_links',
  'files',
  'payment_links',
  'payouts',
  'quotes',
  'radar/early_fraud_warnings',
  'reviews',
  'shipping_rates',
  'subscription_schedules',
  'tax_ids',
  'tax_rates',
  'topups',
  'transfers',
]

export const emptyListRoutes = kinds.flatMap((kind) => [
  reading(`/v1/${kind}`, () => ({ object: 'list', data: [], has_more: false, url: `/v1/${kind}` })),
  reading(`/v1/${kind}/:id`, ({ id }) => {
    throw noSuch(kind.replace(/^.*\//, '').replaceAll('_', ' ').replace(/s$/, ''), id)
  }),
])

/** Whatever the request filters by, the page is empty. */
function reading(path: string, handle: Route['handle']): Route {
  return { method: 'GET', path, openToBrowsers: false, parse: () => ({}), before: async () => {}, handle }
}
