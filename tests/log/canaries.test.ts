import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { canaries } from '../support/canaries.ts'
import { bill, meter, misuse, onboard } from '../support/canary-story.ts'
import { endEverything, hear, hearNaming, hearOf, stripeTypes } from '../support/canary-stripe.ts'
import { type CanaryWorld, canaryWorld, inTheClear } from '../support/canary-world.ts'
import { eachDatabase } from '../support/databases.ts'
import { stripeObjects } from '../support/stripe-samples.ts'

const walked = stripeObjects(stripeTypes, (path) => `canary of ${path}`)

describe.each(eachDatabase)('on $name', ({ create }) => {
  const canary = canaries()
  let w: CanaryWorld
  beforeAll(async () => {
    w = await canaryWorld(await create(), canary)
    await onboard(w)
    await bill(w)
    await meter(w)
    await misuse(w)
    await hear(w, walked)
    await w.settled()
  })
  afterAll(() => w.close())

  /** What operators are shown. */
  async function isShownToNobody(): Promise<void> {
    for (const id of w.sessions) {
      const capsule = await w.read(`/admin/sessions/${id}/capsule`)
      expect(capsule, id).toContain('stepledger-capsule/1')
      expect.soft(canary.in(capsule).slice(0, 20), `the capsule of ${id}`).toEqual([])
    }
    for (const path of ['/admin/events?limit=100', '/admin/webhooks', '/admin/effects', '/admin/overview'])
      expect.soft(canary.in(await w.read(path)).slice(0, 20), path).toEqual([])
    expect.soft(canary.in(await w.metrics()), '/metrics').toEqual([])
    expect.soft(w.leakyReplies, 'replies').toEqual([])
    expect.soft(w.output().length).toBeGreaterThan(1000)
    expect.soft(canary.in(w.output()).slice(0, 20), 'the output of the process').toEqual([])
  }

  test('what persons and Stripe say stands nowhere in the clear but in the columns for it', async () => {
    await isShownToNobody()
    const allowed = await w.look()
    for (const place of inTheClear.filter((each) => w.hasColumn(each)))
      expect.soft(w.places.get(place)?.size, `planted in ${place}`).toBeGreaterThan(0)
    for (const [place, found] of w.places)
      if (!inTheClear.includes(place)) expect.soft([...found].slice(0, 20), place).toEqual([])
    for (const [file, bytes] of await w.files())
      expect
        .soft(
          canary
            .in(bytes)
            .filter((each) => !allowed.has(each))
            .slice(0, 20),
          file,
        )
        .toEqual([])
  })

  test('of erased tenants nothing stands anywhere, and no key opens it, whatever Stripe says later', async () => {
    const tenants = await endEverything(w, walked)
    await w.sample()
    const keys = await w.reader
      .selectFrom('subject_keys')
      .selectAll()
      .where(
        'tenant_id',
        'in',
        tenants.map(({ tenant_id }) => tenant_id),
      )
      .execute()
    expect(keys.length).toBeGreaterThanOrEqual(tenants.length)
    for (const { tenant_id } of tenants) {
      const reply = await w.post(`/admin/tenants/${tenant_id}/erase`, { forgive: true })
      const done = { status: 200, body: { data: { is_scrubbed: true } } }
      expect(reply, `${tenant_id} ${JSON.stringify(reply.body)}`).toMatchObject(done)
    }
    const isNowhere = async (when: string) => {
      for (const [place, text] of [...(await w.everyColumn()), ...(await w.files())]) {
        expect.soft(canary.in(text).slice(0, 20), `${place} ${when}`).toEqual([])
        const left = keys.filter(({ wrapped }) => text.includes(wrapped)).map(({ subject }) => subject)
        expect.soft(left, `keys in ${place} ${when}`).toEqual([])
      }
      const readable = (await w.readable()).filter((where) => !ofNobody.test(where))
      expect.soft(readable.slice(0, 20), `readable ${when}`).toEqual([])
    }
    await isNowhere('after the erasure')

    const heard = tenants.find(({ tenant_id }) => tenant_id === 'tenant_heard')
    await hearOf(w, walked, heard?.customer_id ?? '', 'later')
    await hearNaming(w, walked, 'tenant_billed')
    for (const { path, body, headers } of w.asked) {
      const { status, body: reply } = await w.post(path, body, headers)
      expect.soft(canary.in(JSON.stringify(reply)), `${status} ${path}, once more`).toEqual([])
    }
    await w.settled()
    await isNowhere('after more was said')
    await isShownToNobody()
    await w.stop()
    await isNowhere('after the end of the process')
    expect.soft(canary.in(w.output()).slice(0, 20), 'the output of the process').toEqual([])
  })
})

/** What is sold, what no tenant has had to do with, and a customer without an id that would say who it is. */
const ofNobody =
  /^(Coupon|PromotionCode|Product|Price),|, (of nobody|parked for ever)\/|^an? (unknown|customer that)|^Customer, (the id of a )?faulty (one )?(then|later)/
