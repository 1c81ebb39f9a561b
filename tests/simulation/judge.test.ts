import { expect, test } from 'vitest'
import type { Fact } from '../../src/log/facts.ts'
import { historyText } from '../../src/simulation/judge/history-text.ts'
import { modelNumbers } from '../../src/simulation/judge/model-numbers.ts'
import { addMoney, inCents, moneyOf, noMoney } from '../../src/simulation/judge/money.ts'
import { compare } from '../../src/simulation/judge/numbers.ts'
import { ownNames } from '../../src/simulation/judge/own-names.ts'
import { uncounted } from '../../src/simulation/judge/uncounted.ts'
import { days, minutes, ownInvoice } from '../model/history.ts'
import { life, monthly, renewalOf, yearly } from '../model/life.ts'
import { model } from '../model/model.ts'
import { at, card, historyOf, used, voided } from '../model/story.ts'

const start = at('2026-01-01')
const used3 = used('case', 3, '2026-01-10')
const story = historyOf(card(), life({ start, until: at('2026-04-01'), plan: monthly }), used3)
const now = at('2026-02-03')
const february = { start: at('2026-02-01'), end: at('2026-03-01') }
const january = { start, end: at('2026-02-01') }

test('the model’s numbers have names that say which they are', () => {
  const numbers = modelNumbers(model(story, now), [january, february])
  const renewal = renewalOf('sub_1', at('2026-02-01'))
  expect(Object.fromEntries(numbers)).toMatchObject({
    'window sub_1 2026-01-01': 'to 2026-02-01, closed',
    'window sub_1 2026-01-01 case due': '3000',
    'window sub_1 2026-01-01 case quantity': '3',
    'window sub_1 2026-01-01 case state': 'priced',
    'window sub_1 2026-01-01 case charged': '3000',
    'window sub_1 2026-01-01 case line 1': `3000 on ${renewal}, item 3000, charged 3000`,
    'window sub_1 2026-02-01': 'to 2026-03-01',
    'window sub_1 2026-02-01 platform_base charged': '10000',
    [`invoice ${renewal} status`]: 'paid',
    [`invoice ${renewal} total`]: '22900',
    [`invoice ${renewal} credited`]: '0',
    [`invoice ${renewal} from balance`]: '0',
    [`invoice ${renewal} outstanding`]: '0',
    'status next_invoice_amount_cents': '19900',
    'status is_delinquent': 'false',
    access: 'full until none',
    'summary 2026-01-01/2026-02-01 case': '3: 3000 = 3000 billed + 0 unbilled + 0 forgiven',
    'summary 2026-02-01/2026-03-01 case': '0: 0 = 0 billed + 0 unbilled + 0 forgiven',
  })
})

test('a comparison names what differs, and what one of the two has alone', () => {
  const models = new Map([
    ['a', '1'],
    ['b', '2'],
    ['c', '3'],
  ])
  const ours = new Map([
    ['d', '4'],
    ['b', '0'],
    ['a', '1'],
  ])
  expect(compare(ours, models)).toEqual([
    { number: 'b', ours: '0', models: '2' },
    { number: 'c', ours: 'none', models: '3' },
    { number: 'd', ours: '4', models: 'none' },
  ])
})

test('money adds up to what the invoices are over', () => {
  const picture = model(story, now)
  const money = moneyOf(picture)
  const { held: _held, credit_carried: _carried, ...parts } = inCents(addMoney(money, noMoney))
  const total = picture.invoices.reduce((sum, { totalCents }) => sum + totalCents, 0n)
  expect(Object.values(parts).reduce((sum, cents) => sum + cents, 0)).toBe(Number(total))
  expect(addMoney(money, money).billed).toBe(2n * money.billed)
})

/** The parts of a fact that are read here. */
const fact = (type: string, position: number, recorded: number, data: object) =>
  ({ type, position, recorded_at: new Date(recorded).toISOString(), data }) as Fact

test('an invoice of ours is called by when it was asked for, or after the nearest one that the model has', () => {
  const own = historyOf(card(), life({ start, until: at('2026-04-01'), plan: yearly }), used3)
  const picture = model(own, at('2026-04-01'))
  const asked = (key: string, when: number) =>
    fact('usage.invoice_asked', 1, when, { invoice_key: key, subscription_id: 'sub_1' })
  const [february, march] = [at('2026-02-01') + minutes(60), at('2026-03-01') + minutes(60)]
  const facts = [asked('one', february), asked('two', march + minutes(20)), asked('three', march + days(3))]
  expect(Object.fromEntries(ownNames(facts, picture))).toEqual({
    one: ownInvoice('sub_1', february),
    two: ownInvoice('sub_1', march),
    three: ownInvoice('sub_1', march + days(3)),
  })
})

test('what a window owes is not compared while something has come that was not counted yet', () => {
  const late = used('case', 2, '2026-01-20', '2026-02-10')
  const history = historyOf(
    card(),
    life({ start, until: at('2026-04-01') }),
    used3,
    late,
    voided(used3, '2026-02-12'),
  )
  const positionOf = (kind: string) => history.findLast((entry) => entry.kind === kind)?.position ?? 0
  const windows = [{ window_start: '2026-01-01T00:00:00.000Z', dues: [] }]
  const countedAt = (position: number) =>
    uncounted(history, [
      fact('usage.lines_made', position, 0, { subscription_id: 'sub_1', counted: windows }),
    ])
  const due = 'window sub_1 2026-01-01 case due'
  expect(countedAt(positionOf('usage') - 0.5)(due)).toBe(true)
  expect(countedAt(positionOf('usage_void') - 0.5)(due)).toBe(true)
  expect(countedAt(1_000)(due)).toBe(false)
  expect(countedAt(0)('window sub_1 2026-01-01 case charged')).toBe(false)
})

test('a history is told in a line an entry', () => {
  expect(historyText(story).slice(0, 6)).toEqual([
    '2025-01-01  rate card from 2025-01-01',
    '2026-01-01  sub_1 active since 2026-01-01, month 9900, period to 2026-02-01',
    '2026-01-01  final first sub_1 (create, boundary 2026-01-01, made 2026-01-01), plan 9900',
    '2026-01-01  finalized first sub_1',
    '2026-01-01  paid first sub_1',
    '2026-01-10  increment case 3 (case increment 3 2026-01-10T00:00:00.000Z)',
  ])
})
