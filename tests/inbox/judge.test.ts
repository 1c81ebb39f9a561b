import { expect, test } from 'vitest'
import { judge } from '../../src/inbox/judge.ts'
import type { Owner } from '../../src/inbox/owner.ts'
import { eventOf } from '../support/webhooks.ts'

const nobodys: Owner = { tenantId: null, conflict: null }
const tenants: Owner = { tenantId: 'tenant_a', conflict: null }
const invoice = { id: 'in_1', object: 'invoice', customer: 'cus_1' }
const old = { api_version: '2020-08-27' }
const applied = { disposition: 'applied', reason: null }
const ignored = { disposition: 'ignored', reason: 'type', tenantId: null }
const quarantined = (reason: string) => ({ disposition: 'quarantined', reason, tenantId: null })
const seller = { object: 'product', id: 'prod_1' }

test.each<[string, object, object, Owner | 'not asked', object]>([
  ['of a tenant of ours', invoice, {}, tenants, { ...applied, tenantId: 'tenant_a', customerId: 'cus_1' }],
  ['of another version', invoice, old, tenants, { disposition: 'refetched', tenantId: 'tenant_a' }],
  ['of a customer whom nobody knows', invoice, {}, nobodys, { disposition: 'parked', customerId: 'cus_1' }],
  ['of no customer', { ...invoice, customer: null }, {}, nobodys, { disposition: 'ignored' }],
  [
    'that says that it is of another tenant',
    invoice,
    {},
    { tenantId: null, conflict: 'tenant_mismatch' },
    quarantined('tenant_mismatch'),
  ],
  [
    'of a second customer of a tenant',
    { id: 'cus_2', object: 'customer' },
    {},
    { tenantId: null, conflict: 'second_customer' },
    quarantined('second_customer'),
  ],
  ['of the other mode', invoice, { livemode: true }, 'not asked', quarantined('livemode')],
  ['of what is sold', seller, {}, 'not asked', { ...applied, tenantId: null }],
  ['of what is sold, of another version', seller, old, 'not asked', { disposition: 'refetched' }],
  ['of a type that we have no use for', { id: 'bal_1', object: 'balance' }, {}, 'not asked', ignored],
  ['of no type', { id: 'x_1' }, {}, 'not asked', { ...ignored, objectType: 'unknown' }],
  ['of an upcoming invoice', { object: 'invoice', customer: 'cus_1' }, {}, 'not asked', ignored],
])('an event %s: %o, %o; its owner is %o; then %o', async (_what, object, more, owner, verdict) => {
  const event = eventOf('something.happened', object, more)
  const asked = () => (owner === 'not asked' ? Promise.reject(new Error('asked')) : Promise.resolve(owner))
  expect(await judge(event, false, asked)).toMatchObject(verdict)
})

test.each([7, {}, true])('an object whose id is %o is no event that can be judged', async (id) => {
  const event = eventOf('invoice.paid', { ...invoice, id })
  await expect(judge(event, false, async () => tenants)).rejects.toThrow(TypeError)
})
