import { expect, test } from 'vitest'
import { decideVoid } from '../../../src/outbox/requests/void-invoice.ts'
import { outcomeOf } from '../../support/outcome.ts'

const isVoided = { call: 'void_invoice', targetId: 'in_1', params: {} }
const asItIs = { objectId: 'in_1' }

test.each([
  ['draft', isVoided],
  ['open', isVoided],
  // Written off by the seller already: nobody has to pay it.
  ['uncollectible', asItIs],
  ['paid', asItIs],
  ['void', asItIs],
  ['deleted', asItIs],
  ['a status of tomorrow', asItIs],
  [undefined, asItIs],
])('given an invoice that is %s, when nobody is to owe it, then %o', (status, outcome) => {
  expect(outcomeOf(() => decideVoid('in_1', status))).toEqual(outcome)
})
