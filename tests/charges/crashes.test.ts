import { once } from 'node:events'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serve } from '@hono/node-server'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { releaseLeases } from '../../src/effects/effects.ts'
import { startSandbox } from '../../src/stripe-sandbox/sandbox.ts'
import { eachDatabase, type TestDatabase, templateOf } from '../support/databases.ts'
import { addUp, invoicesOf, openMonths } from '../support/months.ts'
import { mortality } from '../support/mortal.ts'
import { type Service, startService } from '../support/service.ts'

/** What a crash may cut: the service stands still from it to the end of its step. */
const steps = ['2026-02-01T00:00:20', '2026-02-01T00:45:20', '2026-02-01T01:00:20']
const seconds = (time: string) => Date.parse(`${time}Z`) / 1000

const stories = [
  {
    name: 'the lines of a renewal’s draft',
    plan: 'price_basic_monthly',
    invoices: ['paid 17900: Cases 1 Jan 3000, Platform base 1 Feb 10000, plan 4900'],
  },
  {
    name: 'an invoice of our own',
    plan: 'price_basic_yearly',
    invoices: ['paid 13000: Cases 1 Jan 3000, Platform base 1 Feb 10000'],
  },
]

let deaths: ReturnType<typeof mortality>
beforeAll(() => {
  deaths = mortality()
})
afterAll(() => deaths.undo())

describe.each(eachDatabase)('on $name', ({ name, create }) => {
  // What a transaction leaves is the same on both: the slower one takes every fourth.
  const apart = name === 'SQLite' ? 1 : 4

  test.each(stories)(
    'killed at any write of a month’s end and $name, each line is there once',
    async ({ plan, invoices }) => {
      const origin = await prepared(create, plan)
      for (let killAt = 1, wasKilled = true; wasKilled; killAt += apart) {
        const life = await lived(origin, killAt)
        expect(life.made, `killed at ${killAt}`).toEqual(invoices)
        wasKilled = life.wasKilled
        if (!wasKilled) expect(killAt, 'points at which it was killed').toBeGreaterThan(10)
      }
      await origin.remove()
    },
  )
})

type Origin = Awaited<ReturnType<typeof prepared>>

/** A subscription a minute before its month's end, with usage. */
async function prepared(create: () => Promise<TestDatabase>, plan: string) {
  deaths.begin()
  const database = await create()
  const directory = await mkdtemp(join(tmpdir(), 'stepledger-origin-'))
  const tenant = await openMonths({ directory, environment: { DATABASE_URL: database.url } })
  await tenant.subscribes(plan)
  await tenant.uses('case', 3)
  await tenant.to('2026-01-31T23:59:00')
  await tenant.close()
  return {
    directory,
    customerId: tenant.customerId,
    copy: await templateOf(database),
    async remove() {
      await database.close()
      await rm(directory, { recursive: true })
    },
  }
}

async function lived({ directory, customerId, copy }: Origin, killAt: number) {
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
    const started = await startService({
      directory: own,
      sandbox,
      catalogue: false,
      environment: { DATABASE_URL: url, BILLING_TRIAL_PERIOD_DAYS: '0' },
    })
    // As a start does, so long after the kill that its leases are over.
    await started.context.db.transact(releaseLeases)
    service = started
    return { mortal, started }
  }
  const { mortal, started } = await starts()
  mortal.commits = 0
  mortal.killAt = killAt
  let last = started
  for (const time of steps) {
    await sandbox.clock.advanceTo(seconds(time))
    if (!mortal.isOver || last !== started) continue
    service = undefined
    await started.close()
    last = (await starts()).started
  }
  mortal.killAt = Number.POSITIVE_INFINITY
  await sandbox.clock.advanceTo(seconds('2026-02-01T06:00:00'))
  life.defer(last.close)
  await addUp(last, customerId)
  const made = (await invoicesOf(last.stripe, customerId)).slice(1)
  return { wasKilled: mortal.isOver, made: made.map((text) => text.slice(text.indexOf(' ') + 1)) }
}
