import { describe, expect, test } from 'vitest'
import { created, life, monthly, paidOurs, weekly, yearly } from './life.ts'
import { model } from './model.ts'
import { at, card, historyOf, ours, setTo, type Told, used, voided } from './story.ts'
import type { Amounts } from './summary.ts'

const start = at('2026-01-01')

describe('the next invoice', () => {
  const next = (now: string, ...told: (Told | Told[])[]) =>
    model(historyOf(card(), ...told), at(now)).nextInvoiceAmountCents
  const until = at('2026-12-01')

  test('of a monthly plan is plan, base and what is due: 9900 + 10000 + 2 cases', () => {
    expect(next('2026-01-15', life({ start, until }), used('case', 2, '2026-01-10'))).toBe(21_900n)
  })

  test('is the total of the invoice that the window’s end then makes', () => {
    const told = [life({ start, until }), [used('case', 2, '2026-01-10'), setTo('agent', 3, '2026-01-12')]]
    const before = next('2026-01-31', ...told)
    const invoice = model(historyOf(card(), ...told), at('2026-02-02')).invoices[1]
    expect(before).toBe(invoice?.totalCents)
  })

  test('lowers the plan alone by a discount, as long as that lasts', () => {
    const half = (endsAt: string) => ({
      percentOff: 50,
      amountOffCents: null,
      endsAt: at(endsAt),
      once: false,
    })
    const told = (endsAt: string) => life({ start, until, discount: half(endsAt) })
    expect(next('2026-01-15', told('2026-03-01'))).toBe(14_950n)
    expect(next('2026-01-15', told('2026-02-01'))).toBe(19_900n)
    const most = { percentOff: null, amountOffCents: 50_000, endsAt: null, once: false }
    expect(next('2026-01-15', life({ start, until, discount: most }))).toBe(10_000n)
  })

  test('is lowered once by a discount for one renewal, which of a weekly plan comes before the window’s end', () => {
    const discount = { percentOff: 50, amountOffCents: null, endsAt: null, once: true }
    expect(next('2026-01-15', life({ start, until, discount }))).toBe(14_950n)
    // February has four weeks: what is renewed at its end has been renewed before.
    const weekly = life({
      start: at('2026-02-01'),
      until,
      plan: { interval: 'week', amountCents: 1_300 },
      discount,
    })
    expect(next('2026-02-10', weekly)).toBe(11_300n)
    expect(next('2026-02-25', weekly)).toBe(10_650n)
  })

  test('has the plan only where a renewal falls on the window’s end', () => {
    expect(next('2026-01-15', life({ start, until, plan: yearly }))).toBe(10_000n)
    expect(next('2026-12-15', life({ start, until: at('2027-02-01'), plan: yearly }))).toBe(109_000n)
    expect(next('2026-01-15', life({ start, until, plan: weekly }))).toBe(10_000n)
    expect(next('2026-02-10', life({ start: at('2026-02-01'), until, plan: weekly }))).toBe(12_500n)
  })

  test('has prorations that wait at Stripe only on a renewal', () => {
    const changes = [{ at: at('2026-01-10'), pendingCents: -700 }]
    expect(next('2026-01-15', life({ start, until, changes }))).toBe(19_200n)
    expect(next('2026-01-15', life({ start, until, changes, plan: yearly }))).toBe(10_000n)
  })

  test('in a trial is that of its end: plan, base, counts and increments', () => {
    const trial = life({ start, trialEnds: at('2026-01-15'), until })
    expect(next('2026-01-10', trial, setTo('agent', 9, '2026-01-02'), used('case', 1, '2026-01-03'))).toBe(
      20_900n,
    )
  })

  test('of a subscription that will end has no plan and no base, and is none without usage', () => {
    const ending = life({ start, until, changes: [{ at: at('2026-01-10'), cancelAt: at('2026-02-01') }] })
    expect(next('2026-01-15', ending, used('case', 1, '2026-01-03'))).toBe(1_000n)
    expect(next('2026-01-15', ending)).toBeNull()
  })

  test('is none before a subscription, after its last invoice, and while Stripe says unpaid', () => {
    expect(next('2026-01-15', used('case', 1, '2026-01-03'))).toBeNull()
    const ended = life({ start, until, ends: at('2026-01-10') })
    expect(next('2026-01-10T00:30', ended, used('case', 1, '2026-01-03'))).toBe(1_000n)
    expect(next('2026-01-10T01:30', ended, used('case', 1, '2026-01-03'))).toBeNull()
    expect(
      next('2026-01-15', life({ start, until, changes: [{ at: at('2026-01-10'), status: 'unpaid' }] })),
    ).toBeNull()
  })

  test('is never lowered below the plan by a credit', () => {
    const wrong = used('case', 50, '2026-01-10')
    expect(next('2026-02-15', life({ start, until }), wrong, voided(wrong, '2026-02-10'))).toBe(9_900n)
  })
})

describe('a summary', () => {
  const none: Amounts = { quantity: 0n, billedCents: 0n, unbilledCents: 0n, forgivenCents: 0n }
  const summary = (now: string, from: string, to: string, ...told: (Told | Told[])[]) =>
    model(historyOf(card(), ...told), at(now)).summary({ start: at(from), end: at(to) })
  const sub = life({ start, until: at('2026-12-01') })

  test('says of each type what is billed and what is not yet', () => {
    const told = [
      setTo('agent', 2, '2026-01-05'),
      used('case', 3, '2026-01-10'),
      used('case', 1, '2026-02-03'),
    ]
    const usage = summary('2026-02-10', '2026-01-01', '2026-03-01', sub, told)
    // The level stands once a window: 2 in January, 2 in February.
    expect(usage.agent).toEqual({ ...none, quantity: 4n, billedCents: 10_000n, unbilledCents: 10_000n })
    expect(usage.case).toEqual({ ...none, quantity: 4n, billedCents: 3_000n, unbilledCents: 1_000n })
    expect(usage.platform_base).toEqual(none)
  })

  test('puts a level at the moment at which it was first at its highest, or at the start where it was carried in', () => {
    const told = [4, 2, 4, 2].map((users, index) => setTo('user', users, `2026-01-${20 + 2 * index}`))
    const users = (from: string, to: string) => summary('2026-03-10', from, to, sub, told).user.quantity
    expect(users('2026-01-01', '2026-01-20')).toBe(0n)
    expect(users('2026-01-20', '2026-01-21')).toBe(4n)
    expect(users('2026-02-01', '2026-02-02')).toBe(2n)
    expect(users('2026-02-02', '2026-03-01')).toBe(0n)
  })

  test('of parts of a window adds up in quantities, and to a cent in amounts', () => {
    // 650 calls are 6.5 cents, 7; twice that are 13.
    const told = [used('api_call', 650, '2026-01-10'), used('api_call', 650, '2026-01-20')]
    const calls = (from: string, to: string) => summary('2026-01-31', from, to, sub, told).api_call
    expect(calls('2026-01-01', '2026-02-01')).toEqual({ ...none, quantity: 1_300n, unbilledCents: 13n })
    expect(calls('2026-01-01', '2026-01-15')).toEqual({ ...none, quantity: 650n, unbilledCents: 7n })
    expect(calls('2026-01-15', '2026-02-01')).toEqual({ ...none, quantity: 650n, unbilledCents: 7n })
  })

  test('calls lines on a voided invoice forgiven, until they are rebilled and paid', () => {
    const unpaid = life({ start, until: at('2026-12-01'), without: 'payments' })
    const invoice = 'sub_1 2026-02-01'
    const told: Told[] = [used('case', 3, '2026-01-10'), { kind: 'voided', at: at('2026-02-10'), invoice }]
    const rebill: Told = { kind: 'rebill', at: at('2026-02-15'), invoice }
    const paid: Told = { kind: 'paid', at: at('2026-03-03'), invoice: 'sub_1 2026-03-01', balanceCents: 0 }
    const cases = (now: string, ...more: Told[]) =>
      summary(now, '2026-01-01', '2026-02-01', unpaid, told, more).case
    expect(cases('2026-02-09')).toEqual({ ...none, quantity: 3n, unbilledCents: 3_000n })
    expect(cases('2026-03-04', paid)).toEqual({ ...none, quantity: 3n, forgivenCents: 3_000n })
    expect(cases('2026-02-16', rebill, paid)).toEqual({ ...none, quantity: 3n, unbilledCents: 3_000n })
    expect(cases('2026-03-04', rebill, paid)).toEqual({ ...none, quantity: 3n, billedCents: 3_000n })
  })

  test('has usage without a subscription as unbilled until it is forgiven', () => {
    const told = [used('case', 3, '2026-01-10'), used('agent', 2, '2026-01-11')]
    const forgive: Told = { kind: 'usage_forgive', at: at('2026-02-10'), type: 'case', window: null }
    expect(summary('2026-03-01', '2026-01-01', '2026-02-01', told)).toMatchObject({
      case: { ...none, quantity: 3n, unbilledCents: 3_000n },
      agent: { ...none, quantity: 2n, unbilledCents: 10_000n },
    })
    expect(summary('2026-03-01', '2026-01-01', '2026-02-01', told, forgive).case).toEqual({
      ...none,
      quantity: 3n,
      forgivenCents: 3_000n,
    })
  })
})

test('a record is on the first line that had counted it, and is billed when that is paid', () => {
  const late = used('case', 1, '2026-01-11', '2026-02-10')
  const told = [life({ start, until: at('2026-03-15') }), [used('case', 3, '2026-01-10'), late]]
  expect(model(historyOf(card(), ...told), at('2026-03-02')).records).toEqual([
    {
      record: 'case increment 3 2026-01-10T00:00:00.000Z',
      window: start,
      invoice: 'sub_1 2026-02-01',
      billedAt: at('2026-02-01T01:00'),
    },
    {
      record: 'case increment 1 2026-01-11T00:00:00.000Z',
      window: start,
      invoice: 'sub_1 2026-03-01',
      billedAt: at('2026-03-01T01:00'),
    },
  ])
})

describe('an invoice’s total', () => {
  const sub = life({ start, until: at('2026-02-01') })
  const invoice = 'in_1'
  const stands = (...told: Told[]) => {
    const made = created(invoice, 'sub_1', 'other', at('2026-01-10'), monthly).slice(0, 1)
    return model(historyOf(card(), sub, made, told), at('2026-03-01')).invoices.find(
      (other) => other.invoice === invoice,
    )
  }
  const then = at('2026-01-12')

  test('is outstanding, paid, written off, forgiven, credited or moved to or from the balance', () => {
    const final: Told = { kind: 'finalized', at: then, invoice, balanceCents: 900 }
    const paid: Told = { kind: 'paid', at: then, invoice, balanceCents: 900 }
    const note: Told = { kind: 'credit_note', at: then, invoice, cents: 2_000 }
    expect(stands(final)).toMatchObject({ outstandingCents: 9_000n, balanceCents: 900n })
    expect(stands(final, note)).toMatchObject({ outstandingCents: 7_000n, creditedCents: 2_000n })
    expect(stands(final, note, paid)).toMatchObject({ paidCents: 7_000n, outstandingCents: 0n })
    expect(stands(final, { kind: 'voided', at: then, invoice })).toMatchObject({ forgivenCents: 9_900n })
    const written: Told = { kind: 'uncollectible', at: then, invoice }
    expect(stands(final, written)).toMatchObject({ writtenOffCents: 9_000n })
    expect(stands(final, written, paid)).toMatchObject({ paidCents: 9_000n, writtenOffCents: 0n })
  })

  test('put on the customer’s balance as it is too small to collect is paid with nothing', () => {
    const small: Told = { kind: 'paid', at: then, invoice, balanceCents: 9_900 }
    expect(stands(small)).toMatchObject({ paidCents: 0n, balanceCents: 9_900n, status: 'paid' })
  })

  test('of one that no line of the history explains is named', () => {
    const strange: Told = { kind: 'paid', at: then, invoice: ours('sub_1', '2026-01-07'), balanceCents: 0 }
    expect(model(historyOf(card(), sub, strange), then).unknownInvoices).toEqual([
      ours('sub_1', '2026-01-07'),
    ])
    const told = historyOf(card(), life({ start, until: at('2026-02-01'), ends: at('2026-01-10') }))
    expect(model(paidOurs(told, then), then).unknownInvoices).toEqual([])
  })
})
