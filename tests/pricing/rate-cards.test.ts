import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readFacts } from '../../src/log/read.ts'
import { readRateCards } from '../../src/pricing/rate-cards.ts'
import { ensureRateCard } from '../../src/usage/ensure-rate-card.ts'
import { eachDatabase } from '../support/databases.ts'
import { type TestApp, testApp } from '../support/test-app.ts'
import { transactAt } from '../support/turns.ts'

describe.each(eachDatabase)('on $name', ({ create }) => {
  let t: TestApp
  beforeEach(async () => {
    t = await testApp({ database: create })
  })
  afterEach(() => t.close())

  const at = (time: string) => ({ transact: transactAt(t.db, time) })
  const cardFacts = () => Array.fromAsync(readFacts(t.db.reader, { type: 'rates.card_set' }))

  test('the first start sets a card, which prices what was before it too', async () => {
    const [first, ...more] = await readRateCards(t.db.reader)
    expect(more).toEqual([])
    expect(first).toMatchObject({
      currency: 'usd',
      // Before it was recorded there is none but it.
      holdsFrom: '2026-03-15T12:00:00.000Z',
      rates: {
        agent: { rate_cents: 5000, per_units: 1 },
        api_call: { rate_cents: 10, per_units: 1000 },
      },
    })
  })

  test('a start with the same rates sets none', async () => {
    await ensureRateCard(at('2026-04-01T00:00:00.000Z'), t.config)
    expect(await cardFacts()).toHaveLength(1)
  })

  test('a start with other rates or another currency sets a card from now on, also back to old rates', async () => {
    const dearer = { ...t.config, rates: { ...t.config.rates, agent: 6000 } }
    await ensureRateCard(at('2026-04-01T00:00:00.000Z'), dearer)
    await ensureRateCard(at('2026-05-01T00:00:00.000Z'), { ...dearer, currency: 'eur' })
    await ensureRateCard(at('2026-06-01T00:00:00.000Z'), t.config)
    const cards = await readRateCards(t.db.reader)
    expect(
      cards.map(({ currency, holdsFrom, rates }) => [currency, holdsFrom, rates.agent.rate_cents]),
    ).toEqual([
      ['usd', '2026-03-15T12:00:00.000Z', 5000],
      ['usd', '2026-04-01T00:00:00.000Z', 6000],
      ['eur', '2026-05-01T00:00:00.000Z', 6000],
      ['usd', '2026-06-01T00:00:00.000Z', 5000],
    ])
  })

  test('an older release that starts again does not bring its card back', async () => {
    const dearer = { ...t.config, rates: { ...t.config.rates, agent: 6000 } }
    await ensureRateCard(at('2026-04-01T00:00:00.000Z'), dearer, '10.0.0')
    await ensureRateCard(at('2026-05-01T00:00:00.000Z'), t.config, '9.0.0')
    expect((await cardFacts()).map(({ data }) => data)).toMatchObject([{}, { release: '10.0.0' }])
    await ensureRateCard(at('2026-06-01T00:00:00.000Z'), t.config, '10.0.0')
    expect(await cardFacts()).toHaveLength(3)
  })

  test('two instances that start at once set one card', async () => {
    const dearer = { ...t.config, rates: { ...t.config.rates, agent: 6000 } }
    const april = at('2026-04-01T00:00:00.000Z')
    await Promise.all([ensureRateCard(april, dearer), ensureRateCard(april, dearer)])
    expect(await cardFacts()).toHaveLength(2)
  })
})
