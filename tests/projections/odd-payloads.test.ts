import fc from 'fast-check'
import { test } from 'vitest'
import type { StripeObjectType } from '../../src/stripe/object-types.ts'
import { eachDatabase } from '../support/databases.ts'
import { observed, recordAll, stripeEvent } from '../support/facts.ts'
import { subscription } from '../support/stripe-objects.ts'

test.each(eachDatabase)('no payload, however odd, stops a projection on $name', async ({ create }) => {
  const db = await create()
  const odd = fc.oneof(
    fc.anything({ maxDepth: 2, withNullPrototype: false }),
    fc.double(),
    fc.string({ unit: 'binary' }),
  )
  const object = fc.dictionary(
    fc.constantFrom(
      ...['created', 'customer', 'status', 'items', 'discounts', 'metadata', 'type', 'card', 'name', 'total'],
      ...['period_start', 'status_transitions', 'parent', 'promotion', 'percent_off', 'recurring', 'product'],
      ...[
        'invoice_settings',
        'latest_invoice',
        'trial_end',
        'attempt_count',
        'unit_amount',
        'email',
        'quantity',
      ],
    ),
    odd,
  )
  const types: StripeObjectType[] = [
    ...(['customer', 'subscription', 'invoice', 'payment_method'] as const),
    ...(['coupon', 'promotion_code', 'product', 'price'] as const),
  ]
  let count = 0
  try {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...types), object, async (type, payload) => {
        count += 1
        const json = JSON.parse(
          JSON.stringify(payload, (_, value) => (typeof value === 'bigint' ? null : value)),
        )
        await recordAll(db, [
          stripeEvent(`${type}.updated`, type, { ...json, id: `odd_${count % 5}` }, count),
          observed(type, { ...json, id: `odd_${count % 5}` }, count, { isDeleted: count % 7 === 0 }),
        ])
      }),
      { numRuns: 150 },
    )
    for (const items of [
      null,
      { data: null },
      { data: [null] },
      { data: [{ price: 'price_1', quantity: '2' }] },
    ])
      await recordAll(db, [observed('subscription', subscription('active', { items, metadata: null }), 1)])
  } finally {
    await db.close()
  }
})
