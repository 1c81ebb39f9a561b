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

  test('the first start sets a card that holds since ever', async () => {
    const [first, ...more] = await readRateCards(t.db.reader)
    expect(more).toEqual([])
    expect(first).toMatchObject({
      currency: 'usd',
      effective_at: '1970-01-01T00:00:00.000Z',
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
      cards.map(({ currency, effective_at, rates }) => [currency, effective_at, rates.agent.rate_cents]),
    ).toEqual([
      ['usd', '1970-01-01T00:00:00.000Z', 5000],
      ['usd', '2026-04-01T00:00:00.000Z', 6000],
      ['eur', '2026-05-01T00:00:00.000Z', 6000],
      ['usd', '2026-06-01T00:00:00.000Z', 5000],
    ])
  })

  test('two instances that start at once set one card', async () => {
    const dearer = { ...t.config, rates: { ...t.config.rates, agent: 6000 } }
    const april = at('2026-04-01T00:00:00.000Z')
    await Promise.all([ensureRateCard(april, dearer), ensureRateCard(april, dearer)])
    expect(await cardFacts()).toHaveLength(2)
  })
})
