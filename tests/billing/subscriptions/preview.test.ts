import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ChangeToPreview } from '../../../src/client/types.ts'
import { type Months, openMonths } from '../../support/months.ts'
import {
  expectAsForetold,
  invoicesOf,
  ourLines,
  type Preview,
  previewedAndDone,
  second,
} from '../../support/previewed.ts'

let tenant: Months
beforeEach(async () => {
  tenant = await openMonths()
})
afterEach(() => tenant.close())

const yearly = 'price_basic_yearly'
const monthly = 'price_basic_monthly'
const better = 'price_enterprise_monthly'
const betterYearly = 'price_enterprise_yearly'
/** Made by the test. */
const weekly = 'weekly'

const to = (price_id: string, proration_behavior?: 'always_invoice' | 'none'): ChangeToPreview => ({
  price_id,
  ...(proration_behavior && { proration_behavior }),
})
const cancelNow: ChangeToPreview = { change: 'cancel', at_period_end: false }
const cancelAtEnd: ChangeToPreview = { change: 'cancel', at_period_end: true }
const resume: ChangeToPreview = { change: 'resume' }
const pause: ChangeToPreview = { change: 'pause' }

/** Within the first month, at both its ends, while the renewal is a draft, in the second month. Each story has one of them in turn. */
const moments = [
  '2026-01-10T07:31:17',
  '2026-02-01T00:30:00',
  '2026-01-31T23:59:59',
  '2026-02-14T12:00:00',
  '2026-01-01T00:00:00',
]
const trialMoments = ['2026-01-01T00:00:00', '2026-01-10T07:31:17', '2026-01-14T23:59:59']

type Case = { from: string; trial?: number; at?: string; changes: ChangeToPreview[] }
const stories: Case[] = [
  { from: monthly, changes: [to(better)] },
  { from: monthly, changes: [to(better), to(monthly), to(yearly)] },
  { from: better, changes: [to(monthly)] },
  { from: monthly, changes: [to(better, 'always_invoice')] },
  { from: better, changes: [to(monthly, 'always_invoice')] },
  { from: monthly, changes: [to(yearly)] },
  { from: monthly, changes: [to(yearly)] },
  { from: monthly, changes: [to(better, 'none')] },
  { from: monthly, changes: [to(yearly, 'none')] },
  { from: monthly, changes: [cancelNow] },
  { from: monthly, changes: [cancelNow] },
  { from: monthly, changes: [cancelNow] },
  { from: monthly, changes: [cancelAtEnd, resume] },
  { from: monthly, changes: [cancelAtEnd] },
  { from: monthly, changes: [pause, resume] },
  { from: monthly, changes: [pause] },
  { from: monthly, changes: [pause, cancelNow] },
  { from: monthly, changes: [pause, to(better), resume] },
  { from: monthly, changes: [cancelAtEnd, pause] },
  { from: monthly, changes: [cancelAtEnd, to(better), resume] },
  { from: monthly, changes: [cancelAtEnd, to(yearly)] },
  { from: monthly, changes: [to(better), cancelNow] },
  { from: monthly, changes: [to(weekly)] },
  ...['2026-01-10T07:31:17', '2026-02-14T12:00:00'].flatMap((at) => [
    { from: yearly, at, changes: [to(monthly)] },
    { from: yearly, at, changes: [to(betterYearly)] },
    { from: yearly, at, changes: [cancelNow] },
    { from: yearly, at, changes: [cancelAtEnd, pause] },
    { from: weekly, at, changes: [to(monthly)] },
    { from: weekly, at, changes: [cancelAtEnd] },
  ]),
]
const inTrial: ChangeToPreview[][] = [
  [to(better)],
  [to(better, 'always_invoice')],
  [to(yearly)],
  [cancelNow],
  [cancelAtEnd],
  [cancelAtEnd, resume],
  [pause],
  [pause, resume],
]
const cases = [
  ...stories.map((story, index) => ({ at: moments[index % moments.length] ?? '', ...story })),
  ...inTrial.map((changes, index) => ({
    ...{ from: monthly, trial: 14, changes },
    at: trialMoments[index % trialMoments.length] ?? '',
  })),
]

const nameOf = (change: ChangeToPreview) =>
  'price_id' in change
    ? `to ${change.price_id} ${change.proration_behavior ?? ''}`.trim()
    : change.change === 'cancel'
      ? `cancel ${change.at_period_end ? 'at the end' : 'now'}`
      : change.change

test.each(cases.map((each) => ({ trial: 0, ...each, name: each.changes.map(nameOf).join(', ') })))(
  'from $from (days of trial: $trial) at $at: $name costs what its preview says',
  async ({ from, trial, at, changes }) => {
    const week = await tenant.price({ interval: 'week' }, 1300)
    const priced = (price: string) => (price === weekly ? week : price)
    await tenant.subscribes(priced(from), { trial_period_days: trial })
    await tenant.uses('agent', 10, { action: 'set' })
    await tenant.uses('case', 3)
    await tenant.to(at)
    await tenant.uses('case', 2)
    let foretold: Preview | undefined
    for (const change of changes)
      foretold = await previewedAndDone(
        tenant,
        'price_id' in change ? { ...change, price_id: priced(change.price_id) } : change,
      )
    const before = await invoicesOf(tenant)
    const next = foretold?.next_invoice ?? null
    const until =
      next === null
        ? second(`${at.slice(0, 5)}0${Number(at.slice(6, 7)) + 1}-01T02:00:00Z`)
        : second(next.made_at) + 3600
    await tenant.service.sandbox.clock.advanceTo(until)
    const made = (await invoicesOf(tenant)).filter(({ id }) => !before.some((each) => each.id === id))
    const withOurs = made.filter((each) => ourLines(each).length > 0)
    if (next === null) expect(withOurs).toEqual([])
    else {
      const asForetold = made.filter(({ created }) => created === second(next.made_at))
      expect(asForetold).toHaveLength(1)
      if (asForetold[0] !== undefined) expectAsForetold(asForetold[0], next)
      expect(withOurs.filter((each) => !asForetold.includes(each))).toEqual([])
    }
    await tenant.isRight()
  },
)
