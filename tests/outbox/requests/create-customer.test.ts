import { expect, test } from 'vitest'
import { type CustomerWanted, decideCustomer } from '../../../src/outbox/requests/create-customer.ts'
import type { OperationUnderWay, StepUnderWay } from '../../../src/outbox/under-way.ts'
import { outcomeOf } from '../../support/outcome.ts'

const step: StepUnderWay = { askedBy: 'step', key: 'step-1', sessionId: 'session-1' }
const operation: OperationUnderWay = {
  ...{ askedBy: 'operation', key: 'operation-1', operation: 'create_customer', targetId: null, params: {} },
}
const by = (askedBy: CustomerWanted['askedBy'], more: Partial<CustomerWanted> = {}): CustomerWanted => ({
  ...{ tenantId: 'tenant_a', askedBy, email: 'a@example.com', name: 'A', metadata: {} },
  ...more,
})
const makesOne = { call: 'create_customer', targetId: null }
const comesAgain = { refused: 'conflict', isPassing: true }

test.each([
  ['nothing', null, [], by('operation'), makesOne],
  ['nothing', null, [], by('step'), makesOne],
  ['a customer', 'cus_1', [], by('operation'), { objectId: 'cus_1' }],
  ['a customer', 'cus_1', [], by('step'), { objectId: 'cus_1' }],
  ['a customer, and a step under way', 'cus_1', [step], by('operation'), { objectId: 'cus_1' }],
  [
    'a step under way',
    null,
    [step],
    by('operation'),
    { ...comesAgain, details: { session_id: 'session-1' } },
  ],
  ['an operation under way', null, [operation], by('step'), comesAgain],
  ['a step under way', null, [step], by('step'), makesOne],
  ['an operation under way', null, [operation], by('operation'), makesOne],
] as const)(
  'given %s: customer %s, under way %o; when %o wants one; then %o',
  (_given, customerId, underWay, wanted, outcome) => {
    expect(outcomeOf(() => decideCustomer({ customerId, underWay }, wanted))).toMatchObject(outcome)
  },
)

test('the call says whose the customer is, under which key it was made, and no phone that was not given', () => {
  const metadata = { company_name: 'A Ltd', tenant_id: 'another', stepledger_key: 'another' }
  const params = (more: Partial<CustomerWanted>) =>
    outcomeOf(() => decideCustomer({ customerId: null, underWay: [] }, by('step', { metadata, ...more })))
  const said = { company_name: 'A Ltd', tenant_id: 'tenant_a', stepledger_key: 'the-key' }
  expect(params({})).toEqual({ ...makesOne, params: { email: 'a@example.com', name: 'A', metadata: said } })
  expect(params({ phone: '+1234567' })).toMatchObject({ params: { phone: '+1234567', metadata: said } })
})
