import { afterEach, beforeEach, expect, test } from 'vitest'
import { start } from '../../src/onboarding/start.ts'
import { runnerOf } from '../support/runner.ts'
import { type Service, startService } from '../support/service.ts'
import { transactAt } from '../support/turns.ts'
import { carryOutDue, factsOf, requestsTo, type Wizard, wizard } from '../support/wizard.ts'

/** An effect that fails for a reason of our own before anything was sent is over: nothing may wait for it for ever. */

const clock = { nowMs: 0 }
let service: Service
let tenant: Wizard
beforeEach(async () => {
  clock.nowMs = Date.parse('2026-11-02T09:00:00.000Z')
  service = await startService({ clock })
  tenant = wizard(service)
})
afterEach(() => service.close())

const rows = () => service.context.db.reader.selectFrom('effects').selectAll().orderBy('created_at').execute()

/** As a release without the check at the edge has let it in: half an emoji, which the SDK cannot encode. */
async function startWithHalfAnEmoji() {
  const session = await start(
    service.context,
    { actor: 'key:admin', tenantId: null, sessionId: null, keyId: 'admin' },
    { applicant: { email: 'a@example.com', name: 'A', company_name: 'ACME 🚀'.slice(0, 6), phone: null } },
    undefined,
    async () => {},
  )
  tenant.of.sessionId = session.sessionId
  return session
}

test('a name that cannot be encoded ends the call as failed; the session can be tried again and given up', async () => {
  await startWithHalfAnEmoji()
  expect(await tenant.createCustomer()).toMatchObject({
    status: 500,
    body: { error: { code: 'internal_error' } },
  })
  const calls = async () => (await rows()).filter(({ kind }) => kind === 'create_customer')
  expect(await calls()).toMatchObject([
    { status: 'failed', claimed_until: null, last_error: expect.stringContaining('URI malformed') },
  ])
  expect(await requestsTo(service, 'POST', '/v1/customers')).toEqual([])
  await tenant.createCustomer()
  expect((await calls()).map(({ status }) => status)).toEqual(['failed', 'failed'])
  expect(await factsOf(service, tenant.of.sessionId)).toEqual([
    'started',
    'customer_requested',
    'customer_failed',
    'customer_requested',
    'customer_failed',
  ])
  expect(await tenant.cancel()).toMatchObject({ status: 200, body: { data: { status: 'cancelled' } } })
})

test('a call that was left pending by such a fault ends with the next attempt of the worker, a day later too', async () => {
  await startWithHalfAnEmoji()
  // The process dies between the intent and the call.
  const run = service.context.effects.run
  Object.assign(service.context.effects, { run: () => Promise.reject(new Error('killed')) })
  await tenant.createCustomer()
  Object.assign(service.context.effects, { run })
  clock.nowMs += 25 * 3_600_000
  await carryOutDue(service)
  expect((await rows()).filter(({ kind }) => kind === 'create_customer')).toMatchObject([
    { status: 'failed' },
  ])
  expect(await tenant.cancel()).toMatchObject({ status: 200 })
})

test('a fault after the request went out is no failure: the outcome is unknown and looked for', async () => {
  await tenant.start()
  const { stripe } = service.context
  if (stripe === undefined) throw new Error('no stripe')
  // The answer arrives, and reading it fails, once.
  const parse = JSON.parse
  let isBroken = true
  JSON.parse = (text: string, ...rest: []) => {
    const value = parse(text, ...rest)
    if (isBroken && value?.object === 'customer') {
      isBroken = false
      Object.defineProperty(value, 'created', {
        enumerable: true,
        get() {
          throw new TypeError('a fault of ours')
        },
      })
    }
    return value
  }
  try {
    expect(await tenant.createCustomer()).toMatchObject({ status: 503 })
  } finally {
    JSON.parse = parse
  }
  expect((await rows()).filter(({ kind }) => kind === 'create_customer')).toMatchObject([
    { status: 'pending' },
  ])
  expect(await tenant.createCustomer()).toMatchObject({ status: 200 })
  expect((await service.stripe.customers.list()).data).toHaveLength(1)
})

test('a database that is away, or Stripe, ends no effect', async () => {
  const { db, log, now } = service.context
  for (const [id, error] of [
    ['lost', Object.assign(new Error('gone'), { code: 'ECONNREFUSED' })],
    ['busy', Object.assign(new Error('locked'), { code: 'SQLITE_BUSY' })],
    ['aborted', new DOMException('stopping', 'AbortError')],
    ['fault', new TypeError('a bug')],
  ] as const) {
    const { effects } = runnerOf(
      { db, log, now },
      { list_customer: { run: () => Promise.reject(error), done: async () => {} } },
    )
    const about = { tenantId: null, stream: 'x', kind: 'list_customer' } as const
    await transactAt(db, now)({ actor: 'worker' }, (turn) =>
      turn.enqueue({ ...about, effectId: id, params: { customer_id: 'cus_1', since: 0 } }),
    )
    await effects.run(id).catch(() => {})
  }
  const tried = (await rows()).filter(({ kind }) => kind === 'list_customer')
  expect(Object.fromEntries(tried.map(({ effect_id, status }) => [effect_id, status]))).toEqual({
    lost: 'pending',
    busy: 'pending',
    aborted: 'pending',
    fault: 'failed',
  })
})
