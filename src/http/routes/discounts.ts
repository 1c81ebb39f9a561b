import { z } from 'zod'
import { createDiscount, DiscountInput } from '../../billing/create-discount.ts'
import { deleteDiscount } from '../../billing/delete-discount.ts'
import { Discount, discountOf, listDiscounts } from '../../billing/discounts.ts'
import type { AppContext } from '../../context.ts'
import { listOf, PageQuery } from '../../db/page.ts'
import { route } from '../route.ts'

/** Codes that lower a plan's price. They are the platform's, not a tenant's. */
export const discountRoutes = (context: AppContext) => [
  route(
    {
      method: 'post',
      path: '/billing/discounts',
      tag: 'Discounts',
      summary: 'Make a discount; again with the same terms: the same one',
      description:
        'It lowers the plan alone. `once`: the first invoice that it takes something off; `repeating`: each invoice made within ' +
        '`duration_in_months` of the redemption; `forever`: each. A percentage is rounded half up to the cent; an amount off takes ' +
        'no more than the price. With `first_time_transaction` a tenant redeems it once, as it is for first purchases alone.',
      allow: ['platform'],
      body: DiscountInput,
      reply: Discount,
    },
    ({ by, body, clientKey }) => createDiscount(context, by, body, clientKey),
  ),
  route(
    {
      method: 'get',
      path: '/billing/discounts/{code}',
      tag: 'Discounts',
      summary: 'The discount of a code, in any case',
      allow: ['platform', 'tenant'],
      params: oneCode,
      reply: Discount,
    },
    ({ by, params }) => discountOf(context, params.code, by),
  ),
  route(
    {
      method: 'get',
      path: '/billing/discounts',
      tag: 'Discounts',
      summary: 'Discounts, newest first, with how often each was redeemed, here or elsewhere',
      allow: ['platform'],
      query: PageQuery,
      reply: listOf(Discount),
    },
    ({ query }) => listDiscounts(context.db.reader, query, context.now()),
  ),
  route(
    {
      method: 'delete',
      path: '/billing/discounts/{code}',
      tag: 'Discounts',
      summary: 'End a discount; who has redeemed it keeps it',
      allow: ['platform'],
      params: oneCode,
      reply: Discount,
    },
    ({ by, params }) => deleteDiscount(context, by, params.code, undefined),
  ),
]

const oneCode = z.object({ code: z.string().regex(/^[A-Za-z0-9_-]{1,128}$/) })
