import { describe, expect, test } from 'vitest'
import { created, life, monthly, paidOurs, weekly, yearly } from './life.ts'
import { model } from './model.ts'
import { at, card, historyOf, lineTexts, ours, setTo, type Told, used, voided } from './story.ts'

const start = at('2026-01-01')

function linesAt(now: string, ...told: (Told | Told[])[]): string[] {
  return lineTexts(model(historyOf(card(), ...told), at(now)).lines)
}

describe('a monthly plan', () => {
  const sub = life({ start, until: at('2026-12-01') })

  test('has one invoice a month: the month’s usage, and the next month’s base', () => {
    const told = [
      setTo('agent', 2, '2026-01-05'),
      used('case', 3, '2026-01-10'),
      used('case', 1, '2026-02-10'),
    ]
    const picture = model(historyOf(card(), sub, told), at('2026-03-15'))
    expect(lineTexts(picture.lines)).toEqual([
      '2026-01-01 platform_base 10000 on first sub_1',
      '2026-01-01 agent 10000 on sub_1 2026-02-01',
      '2026-01-01 case 3000 on sub_1 2026-02-01',
      '2026-02-01 platform_base 10000 on sub_1 2026-02-01',
      '2026-02-01 agent 10000 on sub_1 2026-03-01',
      '2026-02-01 case 1000 on sub_1 2026-03-01',
      '2026-03-01 platform_base 10000 on sub_1 2026-03-01',
    ])
    // The plan is 9900 on each: 19900, 32900, 30900.
    expect(picture.invoices.map(({ totalCents, status }) => `${totalCents} ${status}`)).toEqual([
      '19900 paid',
      '32900 paid',
      '30900 paid',
    ])
  })

  test('takes what comes in the first 45 minutes of a draft, and leaves what comes later to the next', () => {
    const told = [
      used('case', 1, '2026-01-31', '2026-02-01T00:44'),
      used('case', 2, '2026-01-31', '2026-02-01T00:46'),
    ]
    expect(linesAt('2026-03-02', sub, told).filter((line) => line.includes('case'))).toEqual([
      '2026-01-01 case 1000 on sub_1 2026-02-01',
      '2026-01-01 case 2000 on sub_1 2026-03-01',
    ])
  })

  test('puts a voided record’s credit on the next invoice, and what does not fit there on the one after', () => {
    // 25 cases are 25000 on February's. Voided in February: due 0. March's invoice has the base of 10000 and of
    // February 4 cases: 14000 of the credit fit; April's takes 10000; May's the last 1000.
    const wrong = used('case', 25, '2026-01-10')
    const told = [wrong, voided(wrong, '2026-02-10'), used('case', 4, '2026-02-20')]
    const cases = linesAt('2026-05-02', sub, told).filter((line) => line.includes('case'))
    expect(cases).toEqual([
      '2026-01-01 case 25000 on sub_1 2026-02-01',
      '2026-01-01 case -14000 on sub_1 2026-03-01',
      '2026-02-01 case 4000 on sub_1 2026-03-01',
      '2026-01-01 case -10000 on sub_1 2026-04-01',
      '2026-01-01 case -1000 on sub_1 2026-05-01',
    ])
    const march = model(historyOf(card(), sub, told), at('2026-03-15'))
    expect(march.creditCents).toBe(11_000n)
    expect(march.invoices.at(-1)).toMatchObject({ ourCents: 0n, totalCents: 9_900n })
  })
})

test('a yearly plan has an invoice of ours an hour after each month, and all on the renewal’s after the twelfth', () => {
  // 10 agents: 50000 each month for twelve months, at the monthly rate, and twelve bases.
  const told = [
    life({ start, until: at('2027-02-01'), plan: yearly }),
    setTo('agent', 10, '2026-01-01'),
  ].flat()
  const picture = model(historyOf(card(), told), at('2027-01-15'))
  const agents = picture.lines.filter(({ type }) => type === 'agent')
  expect(agents.map(({ cents }) => cents)).toEqual(Array.from({ length: 12 }, () => 50_000n))
  expect(agents.map(({ invoice }) => invoice)).toEqual([
    ...Array.from({ length: 11 }, (_, index) =>
      ours('sub_1', `2026-${String(index + 2).padStart(2, '0')}-01T01:00`),
    ),
    'sub_1 2027-01-01',
  ])
  expect(picture.invoices.filter(({ own }) => own).map(({ totalCents }) => totalCents)).toEqual(
    Array.from({ length: 11 }, () => 60_000n),
  )
  expect(picture.lines.filter(({ type }) => type === 'platform_base')).toHaveLength(13)
})

test('a weekly plan is charged one base a month, on a renewal only where a week ends with the month', () => {
  // 1 February to 1 March are four weeks: that window end is a renewal. 1 April is none.
  const told = life({ start: at('2026-02-01'), until: at('2026-05-01'), plan: weekly })
  expect(linesAt('2026-04-15', told)).toEqual([
    '2026-02-01 platform_base 10000 on first sub_1',
    '2026-03-01 platform_base 10000 on sub_1 2026-03-01',
    `2026-04-01 platform_base 10000 on ${ours('sub_1', '2026-04-01T01:00')}`,
  ])
})

describe('a trial', () => {
  const trial = { start, trialEnds: at('2026-01-15'), until: at('2026-03-01') }
  const told = [
    setTo('agent', 10, '2026-01-02'),
    used('agent', 1, '2026-01-03'),
    used('case', 2, '2026-01-04'),
  ]

  test('pays its counts and increments on the first renewal, no level, no base', () => {
    expect(linesAt('2026-01-16', life(trial), told)).toEqual([
      '2026-01-01 agent 5000 on sub_1 2026-01-15',
      '2026-01-01 case 2000 on sub_1 2026-01-15',
      '2026-01-15 platform_base 10000 on sub_1 2026-01-15',
    ])
    // The level of 10 carries over into the first paid month.
    expect(linesAt('2026-02-16', life(trial), told)).toContain('2026-01-15 agent 50000 on sub_1 2026-02-15')
  })

  test('ended by hand pays on an invoice of ours an hour later', () => {
    const ended = { at: at('2026-01-10'), trialEndsAt: at('2026-01-10'), status: 'active' as const }
    const sub = life({
      ...trial,
      without: 'renewals',
      changes: [{ ...ended, periodEndsAt: at('2026-02-10') }],
    })
    const invoice = created('in_hand', 'sub_1', 'other', at('2026-01-10'), monthly)
    expect(linesAt('2026-01-11', sub, told, invoice)).toEqual(
      ['agent 5000', 'case 2000']
        .map((line) => `2026-01-01 ${line} on ${ours('sub_1', '2026-01-10T01:00')}`)
        .concat(`2026-01-10 platform_base 10000 on ${ours('sub_1', '2026-01-10T01:00')}`),
    )
  })

  test('that is to be cancelled at its end pays nothing, also before that end is seen', () => {
    const changes = [{ at: at('2026-01-05'), cancelAt: at('2026-01-15') }]
    const sub = life({ ...trial, changes, without: 'renewals' })
    expect(linesAt('2026-01-16', sub, told)).toEqual([])
    expect(model(historyOf(card(), sub, told), at('2026-01-14')).nextInvoiceAmountCents).toBeNull()
  })

  test('without a paid month owes nothing, and its usage is forgiven', () => {
    const picture = model(
      historyOf(card(), life({ ...trial, ends: at('2026-01-15') }), told),
      at('2026-02-01'),
    )
    expect(picture.lines).toEqual([])
    const usage = picture.summary({ start, end: at('2026-02-01') })
    expect(usage.case).toEqual({ quantity: 2n, billedCents: 0n, unbilledCents: 0n, forgivenCents: 2_000n })
    expect(usage.agent).toEqual({ quantity: 11n, billedCents: 0n, unbilledCents: 0n, forgivenCents: 5_000n })
  })

  test('that is seen extended after its end, and is cancelled before the new one, has no paid month', () => {
    const longer = at('2026-02-28')
    const changes = [{ at: at('2026-01-16'), trialEndsAt: longer, periodEndsAt: longer }]
    const sub = life({ ...trial, changes, ends: at('2026-02-01'), without: 'renewals' })
    const { case: cases } = model(historyOf(card(), sub, told), at('2026-03-01')).summary({
      start,
      end: at('2026-03-01'),
    })
    expect(cases).toEqual({ quantity: 2n, billedCents: 0n, unbilledCents: 0n, forgivenCents: 2_000n })
  })
})

describe('the end of a subscription', () => {
  const ended = life({ start, until: at('2026-12-01'), ends: at('2026-02-11') })

  test('has its last usage on an invoice of ours an hour later, and no base after', () => {
    expect(linesAt('2026-03-15', ended, used('case', 2, '2026-02-10'))).toEqual([
      '2026-01-01 platform_base 10000 on first sub_1',
      '2026-02-01 platform_base 10000 on sub_1 2026-02-01',
      `2026-02-01 case 2000 on ${ours('sub_1', '2026-02-11T01:00')}`,
    ])
  })

  test('at the period’s end the same, from what was known before', () => {
    const sub = life({
      start,
      until: at('2026-02-01'),
      ends: at('2026-02-01'),
      changes: [{ at: at('2026-01-10'), cancelAt: at('2026-02-01') }],
    })
    expect(linesAt('2026-03-15', sub, used('case', 2, '2026-01-10'))).toEqual([
      '2026-01-01 platform_base 10000 on first sub_1',
      `2026-01-01 case 2000 on ${ours('sub_1', '2026-02-01T01:00')}`,
    ])
  })

  test('gathers what comes later for an hour, on one invoice', () => {
    const told = [
      used('case', 1, '2026-02-02', '2026-02-20T10:00'),
      used('case', 2, '2026-02-03', '2026-02-20T10:59'),
      used('case', 4, '2026-02-03', '2026-02-20T11:30'),
    ]
    expect(linesAt('2026-03-15', ended, told).slice(2)).toEqual([
      `2026-02-01 case 3000 on ${ours('sub_1', '2026-02-20T11:00')}`,
      `2026-02-01 case 4000 on ${ours('sub_1', '2026-02-20T12:30')}`,
    ])
  })

  test('that is learned after the next month had its base takes that base back', () => {
    const late = { at: at('2026-02-12'), status: 'canceled' as const, endedAt: at('2026-01-25') }
    const sub = life({ start, until: 0, plan: yearly, changes: [late] })
    const history = paidOurs(historyOf(card(), sub), at('2026-02-02'))
    expect(lineTexts(model(history, at('2026-02-12')).lines).slice(1)).toEqual([
      `2026-02-01 platform_base 10000 on ${ours('sub_1', '2026-02-01T01:00')}`,
      `2026-02-01 platform_base -10000 noted ${ours('sub_1', '2026-02-01T01:00')}`,
    ])
  })

  test('makes a later credit a note on the invoice that had charged it', () => {
    const wrong = used('case', 3, '2026-02-05')
    const told = [wrong, used('case', 1, '2026-02-06'), voided(wrong, '2026-03-01')]
    const history = paidOurs(historyOf(card(), ended, told), at('2026-03-15'))
    const picture = model(history, at('2026-03-15'))
    expect(lineTexts(picture.lines).slice(2)).toEqual([
      `2026-02-01 case 4000 on ${ours('sub_1', '2026-02-11T01:00')}`,
      `2026-02-01 case -3000 noted ${ours('sub_1', '2026-02-11T01:00')}`,
    ])
    expect(picture.invoices.at(-1)).toMatchObject({
      totalCents: 4_000n,
      creditedCents: 3_000n,
      paidCents: 1_000n,
    })
  })

  test('notes a credit first on the invoice of the latest line', () => {
    const wrong = used('case', 3, '2026-02-05')
    const late = used('case', 1, '2026-02-06', '2026-02-20')
    const history = historyOf(card(), ended, wrong, late, voided(wrong, '2026-03-01'))
    expect(lineTexts(model(history, at('2026-03-15')).lines).slice(4)).toEqual([
      `2026-02-01 case -1000 noted ${ours('sub_1', '2026-02-20T01:00')}`,
      `2026-02-01 case -2000 noted ${ours('sub_1', '2026-02-11T01:00')}`,
    ])
  })

  test('while a renewal is a draft takes our lines off it, onto the last invoice', () => {
    const sub = life({
      start,
      until: at('2026-02-01T00:01'),
      ends: at('2026-02-01T00:30'),
      without: 'payments',
    })
    expect(linesAt('2026-02-02', sub, used('case', 2, '2026-01-10'))).toEqual([
      '2026-01-01 platform_base 10000 on first sub_1',
      `2026-01-01 case 2000 on ${ours('sub_1', '2026-02-01T01:30')}`,
      `2026-02-01 platform_base 10000 on ${ours('sub_1', '2026-02-01T01:30')}`,
    ])
  })

  test('at the very boundary of a renewal that was already a draft the same', () => {
    const sub = life({
      start,
      until: at('2026-02-01T00:01'),
      changes: [{ at: at('2026-02-01T00:20'), status: 'canceled', endedAt: at('2026-02-01') }],
      without: 'payments',
    })
    expect(linesAt('2026-02-02', sub, used('case', 2, '2026-01-10')).slice(1)).toEqual([
      `2026-01-01 case 2000 on ${ours('sub_1', '2026-02-01T01:00')}`,
    ])
  })

  test('and another begun the same month: each has its own windows, bases and invoices', () => {
    const again = life({ id: 'sub_2', start: at('2026-02-15'), until: at('2026-04-01') })
    const told = [
      setTo('agent', 1, '2026-01-01'),
      used('case', 2, '2026-02-13'),
      used('case', 1, '2026-02-10', '2026-02-20'),
    ]
    expect(linesAt('2026-03-16', ended, again, told).slice(2)).toEqual([
      '2026-02-01 platform_base 10000 on sub_1 2026-02-01',
      `2026-02-01 agent 5000 on ${ours('sub_1', '2026-02-11T01:00')}`,
      '2026-02-15 platform_base 10000 on first sub_2',
      `2026-02-01 case 1000 on ${ours('sub_1', '2026-02-20T01:00')}`,
      '2026-02-15 agent 5000 on sub_2 2026-03-15',
      '2026-02-15 case 2000 on sub_2 2026-03-15',
      '2026-03-15 platform_base 10000 on sub_2 2026-03-15',
    ])
  })
})
