import { describe, expect, test } from 'vitest'
import { minutes } from './history.ts'
import { created, life, monthly, yearly } from './life.ts'
import { model } from './model.ts'
import { at, card, historyOf, lineTexts, ours, setTo, type Told, used, voided } from './story.ts'

const start = at('2026-01-01')

function linesAt(now: string, ...told: (Told | Told[])[]): string[] {
  return lineTexts(model(historyOf(card(), ...told), at(now)).lines)
}

describe('an invoice', () => {
  const sub = life({ start, until: at('2026-12-01'), without: 'payments' })
  const usage = used('case', 2, '2026-01-10')
  const february = 'sub_1 2026-02-01'

  test('that is voided keeps its lines; rebilled, they come again at the next window end', () => {
    const void_: Told = { kind: 'voided', at: at('2026-02-10'), invoice: february }
    const rebill: Told = { kind: 'rebill', at: at('2026-02-15'), invoice: february }
    const lines = linesAt('2026-03-02', sub, usage, void_)
    expect(lines.filter((line) => line.includes('on sub_1 2026-03-01'))).toEqual([
      '2026-03-01 platform_base 10000 on sub_1 2026-03-01',
    ])
    const picture = model(historyOf(card(), sub, usage, void_, rebill), at('2026-03-02'))
    expect(lineTexts(picture.lines.filter(({ invoice }) => invoice === 'sub_1 2026-03-01'))).toEqual([
      '2026-01-01 case 2000 on sub_1 2026-03-01',
      '2026-02-01 platform_base 10000 on sub_1 2026-03-01',
      '2026-03-01 platform_base 10000 on sub_1 2026-03-01',
    ])
    // The plan's 9900 and our 12000 stay forgiven on the void one.
    expect(picture.invoices[1]).toMatchObject({
      status: 'void',
      forgivenCents: 21_900n,
      outstandingCents: 0n,
    })
  })

  test('that is deleted as a draft has its lines on the next', () => {
    const deleted: Told = { kind: 'deleted', at: at('2026-02-01T00:50'), invoice: february }
    expect(linesAt('2026-03-02', sub, usage, deleted).slice(1, 4)).toEqual([
      '2026-01-01 case 2000 on sub_1 2026-03-01',
      '2026-02-01 platform_base 10000 on sub_1 2026-03-01',
      '2026-03-01 platform_base 10000 on sub_1 2026-03-01',
    ])
  })

  test('of a renewal that is final before it is seen is followed by one of ours at once', () => {
    const plain = life({
      start,
      until: at('2026-02-02'),
      changes: [{ at: at('2026-02-01T00:20'), periodEndsAt: at('2026-03-01') }],
      without: 'renewals',
    })
    const missed: Told[] = created(february, 'sub_1', 'renewal', at('2026-02-01'), monthly)
      .filter(({ kind }) => kind === 'invoice_created')
      .map((entry) => ({ ...entry, at: at('2026-02-01T00:20'), draft: false }))
    expect(linesAt('2026-02-10', plain, usage, missed).slice(1)).toEqual([
      `2026-01-01 case 2000 on ${ours('sub_1', '2026-02-01T00:20')}`,
      `2026-02-01 platform_base 10000 on ${ours('sub_1', '2026-02-01T00:20')}`,
    ])
  })

  test('that refuses our lines is followed by one of ours at once', () => {
    const refused: Told = {
      kind: 'lines_refused',
      at: at('2026-02-01T00:01'),
      invoice: february,
      type: 'case',
    }
    expect(linesAt('2026-02-01T00:30', sub, usage, refused).slice(1)).toEqual([
      `2026-02-01 platform_base 10000 on ${february}`,
      `2026-01-01 case 2000 on ${ours('sub_1', '2026-02-01T00:01')}`,
    ])
  })

  test('with an item edited at Stripe counts as we made it until its difference is rebilled', () => {
    const edited: Told = {
      kind: 'item_edited',
      at: at('2026-02-01T00:10'),
      invoice: february,
      window: start,
      type: 'case',
      cents: 500,
    }
    const before = model(historyOf(card(), sub, usage, edited), at('2026-02-10'))
    expect(before.invoices[1]).toMatchObject({ totalCents: 20_400n })
    expect(before.windows[0]?.dues).toContainEqual(
      expect.objectContaining({ type: 'case', chargedCents: 2_000n }),
    )
    const rebill: Told = { kind: 'rebill', at: at('2026-02-10'), invoice: february }
    expect(linesAt('2026-03-02', sub, usage, edited, rebill)).toContain(
      '2026-01-01 case 1500 on sub_1 2026-03-01',
    )
  })
})

test('an invoice of ours on which a credit takes all is paid as it is made', () => {
  // 30 cases are 30000 on February's. Voided: March's base of 10000 is taken by the credit, 20000 are left.
  const wrong = used('case', 30, '2026-01-10')
  const sub = life({ start, until: at('2026-12-01'), plan: yearly })
  const picture = model(historyOf(card(), sub, wrong, voided(wrong, '2026-02-10')), at('2026-03-02'))
  expect(picture.invoices.at(-1)).toMatchObject({
    invoice: ours('sub_1', '2026-03-01T01:00'),
    status: 'paid',
    totalCents: 0n,
  })
  expect(picture.creditCents).toBe(20_000n)
})

test('a month that begins at the instant at which Stripe says unpaid has no base, also when it is paid later', () => {
  const changes = [
    { at: at('2026-02-01'), status: 'unpaid' as const },
    { at: at('2026-02-10'), status: 'active' as const },
  ]
  const sub = life({ start, until: at('2026-12-01'), plan: yearly, changes })
  expect(linesAt('2026-03-02', sub).slice(1)).toEqual([
    `2026-03-01 platform_base 10000 on ${ours('sub_1', '2026-03-01T01:00')}`,
  ])
})

describe('a pause', () => {
  test('in a trial leaves its usage to the first paid month', () => {
    const trial = life({
      start,
      trialEnds: at('2026-01-15'),
      until: at('2026-02-01'),
      changes: [
        { at: at('2026-01-05'), collectionPaused: true },
        { at: at('2026-01-08'), collectionPaused: false },
      ],
    })
    const told = [used('case', 2, '2026-01-04'), used('case', 4, '2026-01-06'), used('case', 1, '2026-01-09')]
    expect(linesAt('2026-01-20', trial, told)).toEqual([
      '2026-01-01 case 3000 on sub_1 2026-01-15',
      '2026-01-15 platform_base 10000 on sub_1 2026-01-15',
    ])
  })

  const paused = life({
    start,
    until: at('2026-12-01'),
    changes: [
      { at: at('2026-01-20'), collectionPaused: true },
      { at: at('2026-02-10'), collectionPaused: false },
    ],
  })

  test('has an invoice of ours for what was used before; what is used in it is free, and so is its months’ base', () => {
    const told = [
      used('case', 2, '2026-01-10'),
      used('case', 50, '2026-01-25'),
      used('case', 1, '2026-02-15'),
      setTo('agent', 3, '2026-01-05'),
      setTo('agent', 90, '2026-01-22'),
      setTo('agent', 4, '2026-02-05'),
    ]
    expect(linesAt('2026-03-02', paused, told).slice(1)).toEqual([
      `2026-01-01 agent 15000 on ${ours('sub_1', '2026-01-20')}`,
      `2026-01-01 case 2000 on ${ours('sub_1', '2026-01-20')}`,
      '2026-02-01 agent 20000 on sub_1 2026-03-01',
      '2026-02-01 case 1000 on sub_1 2026-03-01',
      '2026-03-01 platform_base 10000 on sub_1 2026-03-01',
    ])
  })

  test('puts late usage from before it on an invoice of ours at the window’s end, not on a renewal that will be void', () => {
    expect(linesAt('2026-02-05', paused, used('case', 2, '2026-01-10', '2026-01-25')).slice(1)).toEqual([
      `2026-01-01 case 2000 on ${ours('sub_1', '2026-02-01T01:00')}`,
    ])
  })
})

test('while Stripe says unpaid no base falls due and lines wait; the end of the subscription brings them', () => {
  const sub = life({
    start,
    until: at('2026-12-01'),
    changes: [
      { at: at('2026-02-20'), status: 'unpaid' },
      { at: at('2026-03-01T00:01'), status: 'unpaid' },
    ],
    ends: at('2026-03-20'),
  }).map((entry) =>
    entry.at === at('2026-03-01') && entry.kind === 'subscription'
      ? { ...entry, status: 'unpaid' as const }
      : entry,
  )
  expect(linesAt('2026-03-19', sub, used('case', 2, '2026-02-10'))).toEqual([
    '2026-01-01 platform_base 10000 on first sub_1',
    '2026-02-01 platform_base 10000 on sub_1 2026-02-01',
  ])
  expect(linesAt('2026-03-21', sub, used('case', 2, '2026-02-10')).slice(2)).toEqual([
    `2026-02-01 case 2000 on ${ours('sub_1', '2026-03-20T01:00')}`,
  ])
})

describe('amounts that make no line', () => {
  const sub = life({ start, until: at('2026-12-01') })

  test('above Stripe’s largest are held until a record is voided or an operator releases them', () => {
    // 100000 cases are 100000000, one cent above the largest.
    const wrong = used('case', 100_000, '2026-01-10')
    const held = model(historyOf(card(), sub, wrong), at('2026-02-10'))
    expect(held.heldCents).toBe(100_000_000n)
    expect(lineTexts(held.lines)).not.toContainEqual(expect.stringContaining('case'))
    expect(
      linesAt('2026-03-02', sub, wrong, used('case', 1, '2026-01-11'), voided(wrong, '2026-02-10')),
    ).toContain('2026-01-01 case 1000 on sub_1 2026-03-01')
    const release: Told = { kind: 'usage_release', at: at('2026-02-10'), window: start, type: 'case' }
    expect(linesAt('2026-04-02', sub, wrong, release).filter((line) => line.includes('case'))).toEqual([
      '2026-01-01 case 99990099 on sub_1 2026-03-01',
      '2026-01-01 case 9901 on sub_1 2026-04-01',
    ])
  })

  test('of a subscription in another currency are unpriced', () => {
    const euros = life({ start, until: at('2026-12-01'), currency: 'eur', madeByUs: false })
    const picture = model(historyOf(card(), euros, used('case', 2, '2026-01-10')), at('2026-02-10'))
    // 2 cases, and the base of February; January's is not asked for, as we did not make the subscription.
    expect(picture).toMatchObject({ unpricedCents: 12_000n, lines: [], creditCents: 0n })
    expect(picture.nextInvoiceAmountCents).toBe(9_900n)
  })

  test('of nothing at all make no invoice of ours', () => {
    const free = { cents: 0, per: 1 }
    const rates = {
      agent: free,
      user: free,
      case: free,
      event_ingestion: free,
      api_call: free,
      platform_base: free,
    }
    const told = [
      card({ rates }),
      life({ start, until: at('2026-12-01'), plan: yearly }),
      used('case', 2, '2026-01-10'),
    ]
    expect(model(historyOf(...told), at('2026-06-01')).invoices.map(({ invoice }) => invoice)).toEqual([
      'first sub_1',
    ])
  })
})

test('the base of a subscription that we did not make is charged from its second window on', () => {
  const told = life({ start, until: at('2026-12-01'), madeByUs: false })
  expect(linesAt('2026-03-15', told)).toEqual([
    '2026-02-01 platform_base 10000 on sub_1 2026-02-01',
    '2026-03-01 platform_base 10000 on sub_1 2026-03-01',
  ])
})

test('a second subscription has no second base for the month in which the first ended', () => {
  const first = life({ id: 'a', start, until: at('2026-03-01'), ends: at('2026-01-12'), plan: yearly })
  const second = life({ id: 'b', start: at('2026-01-05'), until: at('2026-04-01'), madeByUs: false })
  expect(linesAt('2026-02-06', first, second, used('case', 1, '2026-01-20'))).toEqual([
    '2026-01-01 platform_base 10000 on first a',
    '2026-01-12 case 1000 on b 2026-02-05',
    '2026-02-05 platform_base 10000 on b 2026-02-05',
  ])
})

test('a forgiven window is not asked for again, and a record voided afterwards is no credit', () => {
  const wrong = used('case', 3, '2026-01-10', '2026-02-10')
  const sub = life({ start, until: at('2026-12-01') })
  const forgive: Told = { kind: 'usage_forgive', at: at('2026-02-12'), window: start, type: null }
  const picture = model(historyOf(card(), sub, wrong, forgive, voided(wrong, '2026-03-15')), at('2026-05-01'))
  expect(picture.lines.filter(({ type }) => type === 'case').map(({ invoice }) => invoice)).toEqual([null])
  expect(picture.creditCents).toBe(0n)
})

test('a window end whose renewal is seen late is left to that renewal', () => {
  const sub = life({ start, until: 0 })
  const late: Told[] = created('late', 'sub_1', 'renewal', at('2026-02-01'), monthly)
    .filter(({ kind }) => kind === 'invoice_created')
    .map((entry) => ({ ...entry, at: at('2026-02-01') + minutes(200) }))
  expect(linesAt('2026-02-01T03:00', sub, late)).toHaveLength(1)
  expect(linesAt('2026-02-02', sub, late).slice(1)).toEqual(['2026-02-01 platform_base 10000 on late'])
})
