import { once } from 'node:events'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serve } from '@hono/node-server'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { releaseLeases } from '../../../src/effects/effects.ts'
import { startSandbox } from '../../../src/stripe-sandbox/sandbox.ts'
import { eachDatabase, type TestDatabase, templateOf } from '../../support/databases.ts'
import { addUp, invoicesOf, openMonths } from '../../support/months.ts'
import { mortality } from '../../support/mortal.ts'
import { type Service, startService } from '../../support/service.ts'
import { history } from '../../support/webhooks.ts'
import { carryOutDue, settled } from '../../support/wizard.ts'

/** Killed at each write of the request, before and after Stripe has done it, a change is made once, and the client's retry hears of it. */
const stories = [
  { verb: 'change-plan', body: { price_id: 'price_basic_yearly' } },
  { verb: 'cancel', body: { at_period_end: false } },
  { verb: 'cancel', body: { at_period_end: true } },
  { verb: 'pause', body: {} },
]
type Story = (typeof stories)[number]

let deaths: ReturnType<typeof mortality>
beforeAll(() => {
  deaths = mortality()
})
afterAll(() => deaths.undo())

describe.each(eachDatabase)('on $name', ({ name, create }) => {
  let origin: Origin
  beforeAll(async () => {
    origin = await prepared(create)
  })
  afterAll(() => origin.remove())
  // What a transaction leaves is the same on both: the slower one takes every second.
  const apart = name === 'SQLite' ? 1 : 2

  test.each(stories)('killed at any write of $verb $body, it is made once', async (story) => {
    const undisturbed = await lived(origin, story, Number.POSITIVE_INFINITY)
    let killed = 0
    for (let killAt = 1, wasKilled = true; wasKilled; killAt += apart) {
      const life = await lived(origin, story, killAt)
      wasKilled = life.wasKilled
      expect(life, `killed at ${killAt}`).toEqual({ ...undisturbed, wasKilled })
      if (wasKilled) killed += 1
    }
    expect(killed, 'points at which it was killed').toBeGreaterThan(apart === 1 ? 2 : 0)
  })
})

type Origin = Awaited<ReturnType<typeof prepared>>

/** A subscription in its first month, with usage. */
async function prepared(create: () => Promise<TestDatabase>) {
  deaths.begin()
  const database = await create()
  const directory = await mkdtemp(join(tmpdir(), 'stepledger-origin-'))
  const tenant = await openMonths({ directory, environment: { DATABASE_URL: database.url } })
  const id = await tenant.subscribes()
  await tenant.uses('case', 3)
  await tenant.to('2026-01-10T07:31:17')
  await tenant.close()
  return {
    ...{ directory, id, customerId: tenant.customerId, copy: await templateOf(database) },
    async remove() {
      await database.close()
      await rm(directory, { recursive: true })
    },
  }
}

async function lived({ directory, id, customerId, copy }: Origin, { verb, body }: Story, killAt: number) {
  await using life = new AsyncDisposableStack()
  const { url, remove } = await copy()
  life.defer(remove)
  const own = await mkdtemp(join(tmpdir(), 'stepledger-killed-'))
  life.defer(() => rm(own, { recursive: true, force: true }))
  await cp(join(directory, 'sandbox.db'), join(own, 'sandbox.db'))
  let service: Service | undefined
  const door = serve({
    fetch: (request: Request) => service?.app.fetch(request) ?? new Response('', { status: 503 }),
    port: 0,
    hostname: '127.0.0.1',
  })
  life.defer(() => void door.close())
  await once(door, 'listening')
  const sandbox = await startSandbox({
    file: join(own, 'sandbox.db'),
    clock: () => Date.parse('2026-01-01T00:00:00Z'),
    webhook: {
      url: `http://127.0.0.1:${(door.address() as AddressInfo).port}/api/v1/billing/webhooks`,
      secret: 'whsec_of_the_tests',
    },
  })
  life.defer(sandbox.close)
  const starts = async () => {
    const mortal = deaths.begin()
    const environment = { DATABASE_URL: url, BILLING_TRIAL_PERIOD_DAYS: '0' }
    const started = await startService({ directory: own, sandbox, catalogue: false, environment })
    // As a start does, so long after the kill that its leases are over.
    await started.context.db.transact(releaseLeases)
    service = started
    return { mortal, started }
  }
  const { mortal, started } = await starts()
  const send = ({ request }: Service) =>
    request('POST', `/billing/subscriptions/${id}/${verb}`, body, { headers: { 'Idempotency-Key': 'once' } })
  mortal.commits = 0
  mortal.killAt = killAt
  await send(started)
  let last = started
  if (mortal.isOver) {
    service = undefined
    await started.close()
    last = (await starts()).started
  }
  mortal.killAt = Number.POSITIVE_INFINITY
  life.defer(last.close)
  const retried = await send(last)
  expect(retried, `killed at ${killAt}`).toMatchObject({ status: 200 })
  await settled(last)
  await carryOutDue(last)
  const told = (await history(last.stripe)).filter(({ type }) => type.startsWith('customer.subscription'))
  await sandbox.clock.advanceTo(Date.parse('2026-02-01T06:00:00Z') / 1000)
  await addUp(last, customerId)
  const { status, plan_id, cancel_at_period_end, is_paused } = retried.body.data
  return {
    wasKilled: mortal.isOver,
    made: await invoicesOf(last.stripe, customerId),
    shown: { status, plan_id, cancel_at_period_end, is_paused },
    told: told.map(({ type }) => type),
  }
}
