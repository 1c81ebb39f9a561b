import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { record } from '../../src/projections/record.ts'
import { replay, verifyTables } from '../../src/projections/replay.ts'
import { eachDatabase, type TestDatabase } from '../support/databases.ts'
import { at, epoch, newFact, observed, recordAll, stripeEvent, tenant } from '../support/facts.ts'

const session = '11111111-1111-4111-8111-111111111111'
const ada = { email: 'ada@example.com', name: 'Ada', company_name: 'Engines', phone: '+1234567890' }
const customer = { id: 'cus_ada', object: 'customer', created: epoch, name: 'Ada', email: 'ada@example.com' }

describe.each(eachDatabase)('people on $name', ({ create }) => {
  let db: TestDatabase
  beforeAll(async () => {
    db = await create()
  })
  afterAll(() => db.close())

  const person = () => db.reader.selectFrom('people').selectAll().executeTakeFirst()
  const onboarding = (...facts: Parameters<typeof record>[3]) =>
    db.transact((trx) => record(trx, `onboarding-${session}`, 'any', facts, at(0)))

  test('a person is who applied, as corrected', async () => {
    await onboarding(
      newFact('onboarding.started', {
        session_id: session,
        expires_at: at(9),
        request_hash: '0'.repeat(64),
        personal: { ...ada, success_url: null },
      }),
    )
    expect(await person()).toMatchObject({ tenant_id: tenant, ...ada })
    const corrected = { ...ada, company_name: 'Analytical Engines' }
    await onboarding(
      newFact('onboarding.applicant_corrected', { idempotency_key: null, personal: corrected }),
    )
    expect(await person()).toMatchObject(corrected)
  })

  test('a correction that Stripe has to take holds when Stripe shows it, and not before', async () => {
    const married = { ...ada, name: 'Ada King' }
    await recordAll(db, [observed('customer', { ...customer, phone: '+1234567890' }, 10)])
    await onboarding(newFact('onboarding.applicant_corrected', { idempotency_key: 'key', personal: married }))
    expect(await person()).toMatchObject({ name: 'Ada', company_name: 'Analytical Engines' })
    const metadata = { company_name: 'King & Co' }
    await recordAll(db, [
      stripeEvent('customer.updated', 'customer', { ...customer, name: 'Ada King', metadata }, 30),
      stripeEvent('customer.updated', 'customer', { ...customer, name: 'Somebody older' }, 20),
    ])
    expect(await person()).toMatchObject({ name: 'Ada King', company_name: 'King & Co', phone: null })
  })

  test('of a deleted customer the last words stay, and a replay says the same', async () => {
    await recordAll(db, [observed('customer', { id: 'cus_ada', deleted: true }, 40, { isDeleted: true })])
    expect(await person()).toMatchObject({ name: 'Ada King' })
    expect(await verifyTables(db)).toMatchObject({ ok: true })
    await db.reader.deleteFrom('people').execute()
    expect(await verifyTables(db)).toMatchObject({ ok: false, drift: [{ table: 'people' }] })
    await replay(db)
    expect(await person()).toMatchObject({ name: 'Ada King', company_name: 'King & Co' })
  })
})
