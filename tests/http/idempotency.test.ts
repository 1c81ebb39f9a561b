import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { claimIdempotencyKey, forgetIdempotencyKeys, storeReply } from '../../src/http/idempotency-keys.ts'
import { eachDatabase } from '../support/databases.ts'
import { adminKey } from '../support/requests.ts'
import { type TestApp, testApp } from '../support/test-app.ts'

describe.each(eachDatabase)('on $name', ({ create }) => {
  let t: TestApp
  beforeEach(async () => {
    t = await testApp({ database: create })
  })
  afterEach(() => t.close())

  const path = '/api/v1/billing/usage'
  const usage = (more = {}) => ({ tenant_id: 'tenant_a', usage_type: 'case', quantity: 1, ...more })
  const send = (body: unknown, options: { key?: string; idempotencyKey?: string; to?: string } = {}) =>
    t.post(options.to ?? path, body, {
      ...(options.key !== undefined && { key: options.key }),
      headers: { 'Idempotency-Key': options.idempotencyKey ?? 'k1' },
    })
  const erase = async (tenantId: string) => {
    const wanted = { forgive: true, keep_stripe: true }
    const reply = await t.post(`/api/v1/admin/tenants/${tenantId}/erase`, wanted, { key: adminKey })
    expect(reply).toMatchObject({ status: 200 })
  }
  const recorded = async () =>
    (await t.db.reader.selectFrom('billing_usage_records').selectAll().execute()).length

  describe('the same Idempotency-Key', () => {
    test('with the same body answers the stored reply, whatever the order of its fields', async () => {
      const first = await send(usage())
      t.clock.now = new Date('2026-03-16T00:00:00.000Z')
      const { quantity, ...rest } = usage()
      const second = await send({ quantity, ...rest })
      expect([second.status, second.text]).toEqual([200, first.text])
      expect(second.headers.get('Idempotent-Replayed')).toBe('true')
      expect(first.headers.get('Idempotent-Replayed')).toBeNull()
      expect(await recorded()).toBe(1)
    })

    test('with another body, or on another route, is 409 idempotency_mismatch', async () => {
      await send(usage())
      for (const reply of [
        await send(usage({ quantity: 2 })),
        await send(usage(), { to: `${path}/batch` }),
        await send('', { to: `${path}/usg_1/void` }),
      ])
        expect([reply.status, reply.body.error.code]).toEqual([409, 'idempotency_mismatch'])
      expect(await recorded()).toBe(1)
    })

    test("of another caller is another caller's", async () => {
      await send(usage())
      expect((await send(usage({ quantity: 2 }), { key: t.keys.a })).status).toBe(200)
      expect(await recorded()).toBe(2)
    })

    test('answers nothing of a tenant that was erased, though others are in the reply', async () => {
      const to = `${path}/batch`
      const records = [usage(), usage({ tenant_id: 'tenant_b', metadata: { of: 'Ada' } })]
      expect((await send({ records }, { to })).text).toContain('Ada')
      await erase('tenant_b')
      const again = await send({ records }, { to })
      expect([again.status, again.headers.get('Idempotent-Replayed')]).toEqual([404, null])
      expect(again.text).not.toContain('Ada')
    })

    test('keeps no reply of a tenant that was erased while it was on its way', async () => {
      const of = { keyId: 'k', idempotencyKey: 'k1', tenantId: null, route: `POST ${path}`, body: usage() }
      const { held } = await claimIdempotencyKey(t.db, of, t.clock.now)
      await erase('tenant_a')
      await storeReply(t.db, held, {
        status: 200,
        reply: JSON.stringify({ data: { tenant_id: 'tenant_a' } }),
      })
      expect(await claimIdempotencyKey(t.db, of, t.clock.now)).toMatchObject({ state: 'again' })
    })

    test('sent many times at once is carried out once', async () => {
      const replies = await Promise.all(Array.from({ length: 10 }, () => send(usage())))
      expect(new Set(replies.map(({ text }) => text)).size).toBe(1)
      expect(replies.filter(({ headers }) => headers.get('Idempotent-Replayed'))).toHaveLength(9)
      expect(await recorded()).toBe(1)
    })

    test('is free again after a refusal: the corrected request is carried out', async () => {
      expect((await send(usage({ quantity: 0 }))).status).toBe(422)
      expect((await send(usage({ tenant_id: 'nobody' }))).status).toBe(404)
      expect((await send(usage())).status).toBe(200)
    })

    test('of a request that broke off is carried out again, for the same body alone', async () => {
      await send(usage())
      await t.db.transact((trx) =>
        trx.updateTable('idempotency_keys').set({ status: null, reply: null }).execute(),
      )
      expect((await send(usage({ quantity: 2 }))).status).toBe(409)
      const again = await send(usage())
      expect([again.status, again.headers.get('Idempotent-Replayed')]).toEqual([200, null])
      expect((await send(usage())).headers.get('Idempotent-Replayed')).toBe('true')
      expect(await recorded()).toBe(1)
    })

    test('is forgotten after a day', async () => {
      await send(usage())
      const count = async () =>
        (await t.db.reader.selectFrom('idempotency_keys').selectAll().execute()).length
      await forgetIdempotencyKeys(t.db, new Date('2026-03-16T12:00:00.000Z'))
      expect(await count()).toBe(1)
      await forgetIdempotencyKeys(t.db, new Date('2026-03-16T12:00:00.001Z'))
      expect(await count()).toBe(0)
    })
  })

  test.each(['', 'x'.repeat(256), 'na\u00efve'])(
    'a key that cannot be one (%s) is 422',
    async (idempotencyKey) => {
      const { status, body } = await send(usage(), { idempotencyKey })
      expect([status, body.error.details.fields[0].path]).toEqual([422, 'Idempotency-Key'])
    },
  )
})
