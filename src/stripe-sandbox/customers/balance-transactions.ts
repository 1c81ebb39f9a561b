import type Stripe from 'stripe'
import { settleCurrency } from '../catalogue/customer-currency.ts'
import { moveBalance } from '../invoices/balance-transaction.ts'
import { noSuch } from '../objects/errors.ts'
import { listPage } from '../objects/lists.ts'
import * as p from '../objects/parameters.ts'
import { withGiven } from '../objects/resource.ts'
import { route } from '../objects/routes.ts'
import { mustFind, type Turn } from '../objects/turn.ts'

const createShape = {
  amount: p.whole,
  currency: p.currency,
  description: p.text.optional(),
  metadata: p.metadata.optional(),
} satisfies p.ShapeOf<Stripe.CustomerCreateBalanceTransactionParams>

const listShape = {
  ...p.pagination,
  created: p.range.optional(),
  invoice: p.text.optional(),
} satisfies p.ShapeOf<Stripe.CustomerListBalanceTransactionsParams>

const updateShape = {
  description: p.clearable.optional(),
  metadata: p.metadata.optional(),
} satisfies p.ShapeOf<Stripe.CustomerUpdateBalanceTransactionParams>

const path = '/v1/customers/:id/balance_transactions'

export const balanceTransactionRoutes = [
  route(`POST ${path}`, createShape, (call) => {
    const { amount, currency: code, description, metadata: given } = call.params
    const customer = mustFind(call, 'customer', call.id)
    settleCurrency(call, customer.id, code)
    return moveBalance(call, {
      customer: customer.id,
      amount,
      currency: code,
      type: 'adjustment',
      description,
      metadata: p.mergeMetadata({}, given),
    })
  }),
  route(`GET ${path}`, listShape, (call) => {
    const customer = mustFind(call, 'customer', call.id)
    return listPage(
      call,
      'customer_balance_transaction',
      `/v1/customers/${customer.id}/balance_transactions`,
      call.params,
      { equal: { customer: customer.id, invoice: call.params.invoice } },
    )
  }),
  route(`GET ${path}/:transaction`, {}, (call) => ofCustomer(call, call.id, call.subId)),
  route(`POST ${path}/:transaction`, updateShape, (call) => {
    // Stripe has no event for it.
    return call.store.save(withGiven(ofCustomer(call, call.id, call.subId), call.params))
  }),
]

function ofCustomer(turn: Turn, customerId: string, id: string): Stripe.CustomerBalanceTransaction {
  const transaction = mustFind(turn, 'customer_balance_transaction', id)
  if (transaction.customer !== customerId) throw noSuch('customer balance transaction', id)
  return transaction
}
