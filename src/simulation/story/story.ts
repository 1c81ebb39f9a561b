import { type Chance, chanceOf } from '../chance.ts'
import { addMonths } from '../model.ts'
import { type Deed, day, discountCodes, hour, type Step } from './deeds.ts'
import { usageIn } from './usage.ts'

export type Story = {
  /** Unix seconds: the first of a month. */
  start: number
  /** The end of each month, unix seconds. */
  months: number[]
  /** By their times. */
  steps: Step[]
}

/** Nothing is done in the last hours of a month, so that what webhooks did not bring can be found before all is compared. */
const quietHours = 4

/** What tenants do in so many months; follows from the seed alone. */
export function storyOf(seed: number, { tenants, months }: { tenants: number; months: number }): Story {
  const chance = chanceOf(seed, 'start')
  const first = Date.UTC(chance.between(2026, 2028), chance.between(0, 11), 1)
  const ends = Array.from({ length: months }, (_, month) => addMonths(first, month + 1) / 1000)
  const start = first / 1000
  const quiet = (step: Step): Step => {
    const end = ends.find((end) => step.at < end && step.at >= end - quietHours * hour)
    return end === undefined ? step : { ...step, at: step.at - quietHours * hour }
  }
  const steps = Array.from({ length: tenants }, (_, tenant) =>
    lifeOf(chanceOf(seed, 'tenant', tenant), tenant, { start, ends }),
  )
    .flat()
    .filter(({ at }) => at < (ends.at(-1) ?? start))
    .map(quiet)
    .sort((a, b) => a.at - b.at || a.tenant - b.tenant)
  return { start, months: ends, steps }
}

function lifeOf(chance: Chance, tenant: number, of: { start: number; ends: readonly number[] }): Step[] {
  const begun = of.start + chance.between(0, 20 * day)
  const trialDays = trialOf(chance)
  const steps: Step[] = [{ at: begun, tenant, deed: subscribe(chance, trialDays) }]
  const anchor = begun + trialDays * day
  let from = chance.happens(0.2) ? of.start : begun
  for (const end of of.ends) {
    if (from >= end) continue
    steps.push(...usageIn(chance, { tenant, from, to: end - 1, anchor }))
    steps.push(...turnsIn(chance, tenant, chance.between(from, end - 1)))
    from = end
  }
  return steps
}

function subscribe(chance: Chance, trialDays: number): Deed {
  return {
    do: 'subscribe',
    plan: chance.oneOf(['monthly', 'monthly', 'monthly', 'yearly', 'quarterly', 'weekly']),
    trialDays,
    discount: chance.happens(0.3) ? chance.oneOf(discountCodes) : null,
  }
}

function trialOf(chance: Chance): number {
  return chance.happens(0.5) ? 0 : chance.oneOf([1, 7, 14, 30, 40])
}

/** What changes the way of a subscription, of which a month has one at most, and what follows it. */
function turnsIn(chance: Chance, tenant: number, at: number): Step[] {
  const step = (days: number, deed: Deed): Step => ({ at: at + Math.round(days * day), tenant, deed })
  const later = (least: number, most: number) => chance.between(least * 24, most * 24) / 24
  const draw = chance.between(0, 99)
  if (draw < 8) return [step(0, { do: 'change_plan', plan: otherPlan(chance) })]
  if (draw < 14) {
    const cancel = step(0, { do: 'cancel', atPeriodEnd: true })
    if (chance.happens(0.5)) return [cancel, step(later(0, 6), { do: 'resume' })]
    return [cancel, step(later(1, 60), subscribe(chance, 0))]
  }
  if (draw < 19) {
    const again = step(later(0, 50), subscribe(chance, chance.happens(0.3) ? 7 : 0))
    return [step(0, { do: 'cancel', atPeriodEnd: false }), ...(chance.happens(0.8) ? [again] : [])]
  }
  if (draw < 26) return [step(0, { do: 'pause' }), step(later(0, 50), { do: 'resume' })]
  if (draw < 36) {
    const untilVoid = later(2, 20)
    const voided = [step(untilVoid, { do: 'void_invoice', pick: chance.fraction() })]
    if (chance.happens(0.6))
      voided.push(step(untilVoid + later(0, 25), { do: 'rebill_invoice', pick: chance.fraction() }))
    return [
      step(0, { do: 'new_card', works: false }),
      ...(chance.happens(0.4) ? voided : []),
      step(later(3, 40), { do: 'new_card', works: true }),
      ...(chance.happens(0.5) ? [step(41, { do: 'retry_invoice', pick: chance.fraction() })] : []),
    ]
  }
  return []
}

function otherPlan(chance: Chance) {
  return chance.oneOf(['monthly', 'monthly_large', 'monthly_large', 'yearly', 'quarterly', 'weekly'])
}
