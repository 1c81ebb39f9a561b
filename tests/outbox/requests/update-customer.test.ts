import { expect, test } from 'vitest'
import { customerChange, customerRefusal } from '../../../src/outbox/requests/update-customer.ts'
import { StripeFailure } from '../../../src/stripe/failure.ts'
import { refusalOf } from '../../support/outcome.ts'

test.each([
  ['email', 'email'],
  ['name', 'name'],
  ['phone', 'phone'],
])('a %s that Stripe refuses is our field, and what it quotes is told to nobody', (param, path) => {
  const failure = new StripeFailure('rejected', 'parameter_invalid', 'canary is no such thing', { param })
  const { refused, message, details } = refusalOf(customerRefusal(failure.toAppError()))
  expect(refused).toBe('invalid_request')
  expect(details).toEqual({ fields: [{ path, message: 'is not accepted by Stripe' }] })
  expect(message).not.toContain('canary')
})

test.each(['metadata', null])('what Stripe refuses of %s, and an outage, come back as they are', (param) => {
  const rejected = new StripeFailure('rejected', 'parameter_invalid', 'no', { param }).toAppError()
  const away = new StripeFailure('unknown', 'api_error', 'no').toAppError()
  for (const error of [rejected, away]) expect(customerRefusal(error)).toBe(error)
})

test.each([
  ['+1234567', '+1234567'],
  // Stripe takes an empty text for none.
  [undefined, ''],
  [null, ''],
])('a phone that is %s from now on is %j at Stripe', (phone, asked) => {
  const person = { email: 'a@example.com', name: 'A', company_name: 'A Ltd', phone: phone ?? null }
  expect(customerChange(person)).toEqual({
    email: 'a@example.com',
    name: 'A',
    phone: asked,
    metadata: { company_name: 'A Ltd' },
  })
})
