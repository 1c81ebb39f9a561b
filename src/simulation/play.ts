import { hour } from './story/deeds.ts'
import type { Story } from './story/story.ts'
import { accidentOf, inTheMiddle } from './world/accidents.ts'
import { perform, type Tenant } from './world/tenants.ts'
import type { World } from './world/world.ts'

/** Before a month's end the postman delivers everything, and the service's hourly sweeps find what he has lost. */
const behaves = 3 * hour

type Month = {
  seed: number
  month: number
  /** Unix seconds. */
  start: number
  end: number
  kills: boolean
  onInstant: (now: number) => void
}

/**
 * Plays a month as one move of the sandbox's clock: each deed is done at its instant, for which the clock stands. Answers
 * how often the service was killed.
 */
export async function playMonth(
  world: World,
  tenants: readonly Tenant[],
  { steps }: Story,
  { seed, month, start, end, kills, onInstant }: Month,
): Promise<number> {
  const { sandbox, postman } = world
  const left = steps.filter(({ at }) => start <= at && at < end)
  const accident = kills ? accidentOf(seed, month, start, end) : undefined
  let isAhead = accident !== undefined
  let restart: Promise<void> | undefined
  let killed = 0
  const kill = async () => {
    killed += 1
    await world.killAndRestart()
  }

  const deeds = async (now: number): Promise<number | null> => {
    onInstant(now)
    if (restart !== undefined) {
      // The service has come back under another address, and is called in the next round of this instant.
      await restart
      restart = undefined
      return now
    }
    // One that has come back is called after the story, and would take its deeds for earlier ones: it looks when it is asked.
    if (killed > 0 && (left[0]?.at ?? now + 1) <= now) await world.ask('GET', '/admin/sandbox/clock')
    const before = left.length
    for (let step = left[0]; step !== undefined && step.at <= now; step = left[0]) {
      left.shift()
      const tenant = tenants[step.tenant]
      if (tenant !== undefined) await perform(world, tenant, step.deed, step.at)
    }
    // Whoever was called before it has to say again what is due next.
    if (left.length < before) return now
    if (now >= end - behaves) postman.behave()
    if (accident !== undefined && isAhead && accident.at <= now) {
      isAhead = false
      if (accident.by === 'clock') {
        restart = inTheMiddle(Promise.resolve(), accident, kill)
        return now
      }
      let coming = accident.number
      postman.onDelivery((deliver) => {
        coming -= 1
        return coming === 0 ? inTheMiddle(deliver(), accident, kill) : deliver()
      })
    }
    const next = [left[0]?.at, isAhead ? accident?.at : undefined, end - behaves].filter(
      (time) => time !== undefined && time > now,
    )
    return next.length === 0 ? null : Math.min(...(next as number[]))
  }

  postman.misbehave()
  const leave = sandbox.clock.follow('the story', deeds)
  try {
    await sandbox.clock.advanceTo(end)
  } finally {
    leave()
    postman.onDelivery(undefined)
  }
  return killed
}
