import { h, time } from '../dom.js'
import { pair } from '../fact.js'
import { why } from '../why.js'
import { lasting, money, spaced } from '../words.js'
import { accessShown, declineShown, liftButtons, retryButtons } from './dunning.js'

/** What a tenant may use, why, and what stands in its way. @param {import('../../../ops/tenants.ts').TenantView} tenant */
export function accessPart({ tenant_id, access, delinquent, invoices }) {
  /** @param {import('../dom.js').Child} shown @param {string} column */
  const told = (shown, column) =>
    access.since === null ? shown : why(shown, 'billing_access', tenant_id, column)
  return h(
    'dl',
    { class: 'pairs standing' },
    ...pair('access', told(accessShown(access), 'access')),
    ...pair('reason', told(spaced(access.reason), 'reason')),
    ...(access.reason === 'dispute_lost' ? pair('let in again', liftButtons(invoices)) : []),
    ...(delinquent === null ? [] : delinquentPairs(delinquent)),
  )
}

/** @param {import('../../../ops/delinquents.ts').Delinquent} delinquent */
function delinquentPairs({
  owed,
  failing_since,
  failing_for_seconds,
  last_decline_code,
  next_attempt_at,
  invoices,
}) {
  const buttons = retryButtons(invoices)
  const amounts = owed.map(({ amount_cents, currency }) => money(amount_cents, currency)).join(', ')
  return [
    ...pair('could not be collected', amounts),
    ...pair('failing since', time(failing_since), ` (${lasting(failing_for_seconds)})`),
    ...pair('last declined as', declineShown(last_decline_code)),
    ...pair('next attempt', next_attempt_at === null ? 'none' : time(next_attempt_at)),
    ...pair('collect', buttons.length > 0 && buttons),
  ]
}
