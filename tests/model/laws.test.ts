import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sum } from './cents.ts'
import { days, type History, type Instant, minutes, usageTypes } from './history.ts'
import { life, monthly, paidOurs, renewalOf, weekly, yearly } from './life.ts'
import { model, type Picture } from './model.ts'
import { card, historyOf, type Told, usage } from './story.ts'
import { totalCents } from './summary.ts'

/** A use of the tenant's first hundred days; `late` hours pass until it is recorded, `voided` more until it is voided. */
const use = fc.record({
  type: fc.constantFrom(...usageTypes),
  action: fc.constantFrom('increment' as const, 'set' as const),
  quantity: fc.integer({ min: 0, max: 3_000 }),
  hour: fc.integer({ min: 0, max: 2_400 }),
  late: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 720 })),
  voided: fc.option(fc.integer({ min: 0, max: 720 })),
})
type Use = typeof use extends fc.Arbitrary<infer Value> ? Value : never

const shape = fc.record({
  plan: fc.constantFrom(monthly, yearly, weekly),
  startDay: fc.integer({ min: 0, max: 60 }),
  trialDays: fc.constantFrom(0, 0, 10, 40),
  endsAfterDays: fc.option(fc.integer({ min: 45, max: 90 })),
  pause: fc.option(fc.tuple(fc.integer({ min: 41, max: 80 }), fc.integer({ min: 1, max: 50 }))),
  /** What becomes of the renewal of that number. */
  fate: fc.option(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.constantFrom('voided', 'rebilled', 'deleted'))),
})
type Shape = typeof shape extends fc.Arbitrary<infer Value> ? Value : never

const uses = fc.array(use, { maxLength: 20 })
const hours = (count: number) => minutes(60 * count)
const startOf = ({ startDay }: Shape) => Date.UTC(2026, 0, 1) + days(startDay)
/** By then everything has been recorded for two months and more. */
const restOf = (shape: Shape) => startOf(shape) + days(230)

function usesOf(start: Instant, uses: readonly Use[]): Told[] {
  return uses.flatMap(({ type, action, quantity, hour, late, voided }, index) => {
    // No two at one instant, and a name of its own for each.
    const occurredAt = start + hours(hour) + 1_000 * index
    const told = usage(action, type, quantity, occurredAt, occurredAt + hours(late))
    if (told.kind !== 'usage' || voided === null) return [told]
    return [told, { kind: 'usage_void', record: told.record, at: told.at + hours(voided) }]
  })
}

function storyOf(shape: Shape, uses: readonly Use[]): History {
  const { plan, trialDays, endsAfterDays, pause, fate } = shape
  const start = startOf(shape)
  const sub = life({
    start,
    until: restOf(shape),
    plan,
    ...(trialDays > 0 ? { trialEnds: start + days(trialDays) } : {}),
    ...(endsAfterDays === null ? {} : { ends: start + days(endsAfterDays) }),
    changes:
      pause === null
        ? []
        : [
            { at: start + days(pause[0]) + hours(7), collectionPaused: true },
            { at: start + days(pause[0] + pause[1]) + hours(7), collectionPaused: false },
          ],
  })
  const told = historyOf(card(), sub, fate === null ? [] : fateOf(sub, fate), usesOf(start, uses))
  return paidOurs(told, restOf(shape))
}

function fateOf(sub: readonly Told[], [number, what]: readonly [number, string]): Told[] {
  const renewal = sub.filter((entry) => entry.kind === 'invoice_created' && entry.draft)[number]
  if (renewal?.kind !== 'invoice_created') return []
  const { invoice, at } = renewal
  if (what === 'deleted') return [{ kind: 'deleted', invoice, at: at + minutes(50) }]
  const voided: Told = { kind: 'voided', invoice, at: at + days(1) }
  return what === 'rebilled' ? [voided, { kind: 'rebill', invoice, at: at + days(2) }] : [voided]
}

function duesOf({ windows }: Picture, only: (window: Picture['windows'][number]) => boolean) {
  return windows
    .filter(only)
    .flatMap(({ subscription, start, dues }) => dues.map((due) => ({ subscription, start, ...due })))
}

test('at rest the lines of every closed window add up to its due, and what is more than that is a credit without room', () => {
  fc.assert(
    fc.property(shape, uses, (shape, uses) => {
      const picture = model(storyOf(shape, uses), restOf(shape))
      const closed = duesOf(picture, ({ end }) => end + hours(2) < restOf(shape)).filter(({ held }) => !held)
      for (const { dueCents, chargedCents } of closed) expect(chargedCents).toBeGreaterThanOrEqual(dueCents)
      const over = sum(closed.map(({ chargedCents, dueCents }) => chargedCents - dueCents))
      expect(picture.creditCents).toBe(over)
      if (over === 0n) return
      if (shape.endsAfterDays !== null) expect(shape.fate?.[1]).toBe('voided')
      else expect(picture.invoices.find(isOf(picture.lines.at(-1)))?.ourCents).toBe(0n)
    }),
    { numRuns: 150 },
  )
})

function isOf(line: Picture['lines'][number] | undefined) {
  return ({ invoice }: Picture['invoices'][number]) => invoice === line?.invoice
}

test('the order in which usage and voids arrive changes no final cent', () => {
  const delays = fc.array(fc.tuple(fc.integer({ min: 0, max: 720 }), fc.integer({ min: 0, max: 720 })), {
    minLength: 20,
    maxLength: 20,
  })
  fc.assert(
    fc.property(shape, uses, delays, (shape, uses, delays) => {
      const other = uses.map((use, index) => {
        const [late, voided] = delays[index] ?? [0, 0]
        return { ...use, late, voided: use.voided === null ? null : voided }
      })
      const [one, two] = [uses, other].map((some) => model(storyOf(shape, some), restOf(shape)))
      if (one === undefined || two === undefined) throw new Error('two pictures')
      const dues = (picture: Picture) =>
        duesOf(picture, () => true)
          .filter(({ dueCents }) => dueCents > 0n)
          .map(({ start, type, quantity, dueCents }) => ({ start, type, quantity, dueCents }))
      expect(dues(one)).toEqual(dues(two))
      const charged = (picture: Picture) =>
        sum(duesOf(picture, () => true).flatMap(({ held, chargedCents }) => (held ? [] : chargedCents))) -
        picture.creditCents
      expect(charged(one)).toBe(charged(two))
    }),
    { numRuns: 100 },
  )
})

test('the order of the entries in the array changes nothing, nor does what is recorded later', () => {
  fc.assert(
    fc.property(
      shape,
      uses,
      fc.integer({ min: 0, max: 230 }),
      fc.infiniteStream(fc.nat()),
      (shape, uses, day, draws) => {
        const history = storyOf(shape, uses)
        const now = startOf(shape) + days(day)
        const shuffled = history
          .filter(({ at }) => at <= now)
          .map((entry) => ({ entry, draw: draws.next().value ?? 0 }))
          .sort((a, b) => a.draw - b.draw)
          .map(({ entry }) => entry)
        const { summary: _one, ...one } = model(history, now)
        const { summary: _two, ...two } = model(shuffled, now)
        expect(two).toEqual(one)
      },
    ),
    { numRuns: 50 },
  )
})

test('our lines of no invoice are below zero together, and each invoice’s total is where its parts say', () => {
  fc.assert(
    fc.property(shape, uses, fc.integer({ min: 0, max: 230 }), (shape, uses, day) => {
      for (const invoice of model(storyOf(shape, uses), startOf(shape) + days(day)).invoices) {
        expect(invoice.ourCents >= 0n).toBe(true)
        expect(
          invoice.paidCents +
            invoice.outstandingCents +
            invoice.writtenOffCents +
            invoice.forgivenCents +
            invoice.creditedCents +
            invoice.balanceCents,
        ).toBe(invoice.status === 'deleted' ? 0n : invoice.totalCents)
      }
    }),
    { numRuns: 100 },
  )
})

test('parts of a period have exactly its quantities, and its amounts but for a cent each cut', () => {
  fc.assert(
    fc.property(
      shape,
      uses,
      fc.array(fc.integer({ min: -24, max: 230 * 24 }), { maxLength: 5 }),
      (shape, uses, cuts) => {
        const { summary } = model(storyOf(shape, uses), restOf(shape))
        const [start, end] = [startOf(shape) - days(40), restOf(shape)]
        const edges = [start, ...cuts.map((cut) => startOf(shape) + hours(cut)).sort((a, b) => a - b), end]
        const whole = summary({ start, end })
        const parts = edges
          .slice(1)
          .map((edge, index) => summary({ start: edges[index] ?? start, end: edge }))
        for (const type of usageTypes) {
          expect(sum(parts.map((part) => part[type].quantity))).toBe(whole[type].quantity)
          const apart = sum(parts.map((part) => totalCents(part[type]))) - totalCents(whole[type])
          expect(apart <= BigInt(cuts.length) && -apart <= BigInt(cuts.length), `${type} ${apart}`).toBe(true)
        }
      },
    ),
    { numRuns: 100 },
  )
})

test('usage is billed, unbilled or forgiven as its lines are, and the three are what the windows owe', () => {
  fc.assert(
    fc.property(shape, uses, (shape, uses) => {
      const live = uses.filter(({ hour }) => hour < 24 * (shape.endsAfterDays ?? 365))
      const picture = model(storyOf(shape, live), restOf(shape))
      const usage = picture.summary({ start: 0, end: restOf(shape) + days(40) })
      const statusOf = (line: Picture['lines'][number]) => picture.invoices.find(isOf(line))?.status
      for (const type of usageTypes.filter((type) => type !== 'platform_base')) {
        const dues = duesOf(picture, () => true).filter((due) => due.type === type)
        const charged = (status: string) =>
          sum(
            picture.lines
              .filter((line) => line.type === type && statusOf(line) === status)
              .map(({ chargedCents }) => chargedCents),
          )
        expect(totalCents(usage[type])).toBe(sum(dues.map(({ dueCents }) => dueCents)))
        expect(usage[type].billedCents).toBe(charged('paid'))
        expect(usage[type].forgivenCents).toBe(charged('void'))
      }
    }),
    { numRuns: 100 },
  )
})

test('what the next invoice is said to be just before a window’s end is what that invoice then is', () => {
  fc.assert(
    fc.property(shape, uses, fc.integer({ min: 0, max: 5 }), (shape, uses, number) => {
      // A record of the base in a month's first hour would still change that base.
      const onTime = uses
        .filter(({ type }) => type !== 'platform_base')
        .map((use) => ({ ...use, late: 0, voided: null }))
      const history = storyOf({ ...shape, fate: null, endsAfterDays: null }, onTime)
      const end = model(history, restOf(shape)).windows[number]?.end ?? restOf(shape)
      if (end + days(1) > restOf(shape)) return
      const invoice = model(history, end + hours(1)).invoices.find(({ invoice, madeAt, own, status }) =>
        own ? madeAt === end + hours(1) : invoice === renewalOf('sub_1', end) && status !== 'void',
      )
      expect(model(history, end - 1).nextInvoiceAmountCents).toBe(invoice?.totalCents ?? null)
    }),
    { numRuns: 100 },
  )
})
