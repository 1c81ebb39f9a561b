import type Stripe from 'stripe'
import { noSuch } from '../objects/errors.ts'
import { route } from '../objects/routes.ts'

const accountId = 'acct_sandbox'

const account = {
  id: accountId,
  object: 'account',
  business_type: 'company',
  capabilities: { card_payments: 'active', transfers: 'active' },
  charges_enabled: true,
  country: 'US',
  default_currency: 'usd',
  details_submitted: true,
  email: 'sandbox@example.com',
  metadata: {},
  payouts_enabled: true,
  type: 'standard',
} satisfies Stripe.Account

export const accountRoutes = [
  route('GET /v1/account', {}, () => account),
  route('GET /v1/accounts/:id', {}, (call) => {
    if (call.id !== accountId) throw noSuch('account', call.id)
    return account
  }),
]
