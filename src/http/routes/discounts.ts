import { OpenAPIHono, z } from '@hono/zod-openapi'
import { createDiscount } from '../../billing/create-discount.ts'
import { deleteDiscount } from '../../billing/delete-discount.ts'
import { Discount, discountOf, listDiscounts } from '../../billing/discounts.ts'
import type { AppContext } from '../../context.ts'
import { text, time } from '../../db/fields.ts'
import { listOf, PageQuery } from '../../db/page.ts'
import type { Env } from '../env.ts'
import { body, route } from '../route.ts'
import { envelope, success } from '../schemas.ts'
import { callerOf } from './onboarding.ts'

/** Codes that lower a plan's price. They are the platform's, not a tenant's. */
export function discountRoutes(context: AppContext): OpenAPIHono<Env> {
  const app = new OpenAPIHono<Env>()

  app.openapi(routes.create, async (c) => {
    const input = c.req.valid('json')
    return c.json(success(await createDiscount(context, callerOf(c), input, c.get('idempotencyKey'))), 200)
  })

  app.openapi(routes.show, async (c) => {
    return c.json(success(await discountOf(context, c.req.valid('param').code, callerOf(c))), 200)
  })

  app.openapi(routes.list, async (c) => {
    const { reader } = context.db
    return c.json(success(await listDiscounts(reader, c.req.valid('query'), context.now())), 200)
  })

  app.openapi(routes.remove, async (c) => {
    const { code } = c.req.valid('param')
    return c.json(success(await deleteDiscount(context, callerOf(c), code, undefined)), 200)
  })

  return app
}

const hasFourDecimals = (value: number) => Number(value.toFixed(4)) === value

const discountInput = z
  .strictObject({
    // What Stripe takes for a promotion code.
    code: z.string().regex(/^[A-Za-z0-9-]{1,64}$/, 'must be 1 to 64 letters, digits and dashes'),
    name: text(40).optional(),
    percent_off: z
      .number()
      .min(0.0001)
      .max(100)
      .refine(hasFourDecimals, 'must have at most four decimals')
      .optional(),
    amount_off: z.int().min(1).max(99_999_999).optional(),
    currency: z
      .string()
      .toLowerCase()
      .regex(/^[a-z]{3}$/, 'must be a code such as usd')
      .optional(),
    duration: z.enum(['once', 'repeating', 'forever']).default('once'),
    duration_in_months: z.int().min(1).max(120).optional(),
    max_redemptions: z.int().min(1).max(2_147_483_647).optional(),
    expires_at: time.optional(),
  })
  .superRefine((input, context) => {
    const problem = (path: keyof typeof input, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message })
    const { percent_off, amount_off, currency, duration, duration_in_months } = input
    if ((percent_off === undefined) === (amount_off === undefined))
      problem('percent_off', 'either percent_off or amount_off must be given')
    if ((amount_off === undefined) !== (currency === undefined))
      problem('currency', 'must be given with amount_off, and only then')
    if ((duration === 'repeating') !== (duration_in_months !== undefined))
      problem('duration_in_months', 'must be given with the duration repeating, and only then')
  })

const oneCode = z.object({ code: z.string().regex(/^[A-Za-z0-9_-]{1,128}$/) })

/** Requests and replies, for the typed client. */
export type DiscountsApi = typeof routes

const routes = {
  create: route({
    method: 'post',
    path: '/billing/discounts',
    tag: 'Discounts',
    summary: 'Make a discount; again with the same terms: the same one',
    allow: ['platform'],
    request: { body: body(discountInput) },
    response: envelope(Discount),
  }),
  show: route({
    method: 'get',
    path: '/billing/discounts/{code}',
    tag: 'Discounts',
    summary: 'The discount of a code, in any case',
    allow: ['platform', 'tenant'],
    request: { params: oneCode },
    response: envelope(Discount),
  }),
  list: route({
    method: 'get',
    path: '/billing/discounts',
    tag: 'Discounts',
    summary: 'Discounts, newest first',
    allow: ['platform'],
    request: { query: PageQuery },
    response: envelope(listOf(Discount)),
  }),
  remove: route({
    method: 'delete',
    path: '/billing/discounts/{code}',
    tag: 'Discounts',
    summary: 'End a discount; who has redeemed it keeps it',
    allow: ['platform'],
    request: { params: oneCode },
    response: envelope(Discount),
  }),
}
