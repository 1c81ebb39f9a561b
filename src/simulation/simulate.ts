import { historyText } from './judge/history-text.ts'
import { type Judgement, judge } from './judge/judge.ts'
import { addMoney, inCents, type Money, moneyOf, noMoney } from './judge/money.ts'
import type { Difference } from './judge/numbers.ts'
import { playMonth } from './play.ts'
import { type Plan, plans } from './story/deeds.ts'
import { storyOf } from './story/story.ts'
import { openTenants } from './world/tenants.ts'
import { openWorld, type StartService } from './world/world.ts'

export type Wanted = {
  seed: number
  tenants: number
  months: number
  startService: StartService
  port: number
  /** Kills the service now and then, where it runs in a process of its own. */
  kills: boolean
  onProgress?: ((days: number, ofDays: number) => void) | undefined
}

/** A number that is not what the model says, at the end of a month; months count from 1. */
export type Off = Difference & { tenant: string; month: number }

export type Report = {
  seed: number
  tenants: number
  months: number
  /** Of the first month in which there are any: it is the last one that is played. */
  off: Off[]
  /** Of the first tenant that is off. */
  history: string[]
  /** By the plan that a tenant began with, cents. */
  money: { plan: Plan; tenants: number; money: Record<keyof Money, number> }[]
  webhooks: Record<string, number>
  kills: number
  refusals: Record<string, number>
  /** Where the files are, when something is off. */
  kept: string | null
}

/** Time after the last month in which nobody does anything, so that all that waits is done. */
const restDays = 40
const day = 86_400

/** Plays months of tenants' lives on a sandbox's clock, and compares all numbers with the model's at the end of each. */
export async function simulate(wanted: Wanted): Promise<Report> {
  const { seed, startService, port, kills, onProgress } = wanted
  const story = storyOf(seed, wanted)
  const ends = [...story.months, (story.months.at(-1) ?? story.start) + restDays * day]
  const world = await openWorld(seed, { start: story.start, port, startService })
  let off: Off[] = []
  try {
    const tenants = await openTenants(world, wanted.tenants)
    let judgements: Judgement[] = []
    let killed = 0
    for (const [index, end] of ends.entries()) {
      const isRest = index === story.months.length
      const start = ends[index - 1] ?? story.start
      killed += await playMonth(world, tenants, story, {
        ...{ seed, month: index + 1, start, end, kills: kills && !isRest },
        onInstant: (now) => onProgress?.(days(now - story.start), days((ends.at(-1) ?? now) - story.start)),
      })
      const periods = [
        { start: start * 1000, end: end * 1000 },
        { start: (story.start - restDays * day) * 1000, end: end * 1000 },
      ]
      judgements = []
      for (const { tenantId } of tenants)
        judgements.push(await judge(world, tenantId, { now: end * 1000, periods }))
      off = judgements.flatMap(({ differences }, number) =>
        differences.map((difference) => ({
          ...{ tenant: tenants[number]?.tenantId ?? '', month: index + 1 },
          ...difference,
        })),
      )
      if (off.length > 0) break
    }
    const begun = new Map(
      story.steps
        .flatMap(({ tenant, deed }) => (deed.do === 'subscribe' ? [[tenant, deed.plan] as const] : []))
        .reverse(),
    )
    return {
      ...{ seed, tenants: wanted.tenants, months: wanted.months, off },
      history: historyText(judgements.find(({ differences }) => differences.length > 0)?.history ?? []),
      money: moneyByPlan(judgements, begun),
      webhooks: world.postman.count,
      kills: killed,
      refusals: Object.fromEntries([...world.refusals].sort()),
      kept: off.length > 0 ? world.directory : null,
    }
  } finally {
    await world.close(off.length > 0)
  }
}

const days = (seconds: number) => Math.floor(seconds / day)

function moneyByPlan(judgements: readonly Judgement[], begun: ReadonlyMap<number, Plan>): Report['money'] {
  return plans.flatMap((plan) => {
    const own = judgements.filter((_, tenant) => begun.get(tenant) === plan)
    const money = own.map(({ picture }) => moneyOf(picture)).reduce(addMoney, noMoney)
    return own.length === 0 ? [] : [{ plan, tenants: own.length, money: inCents(money) }]
  })
}
