import { setTimeout as sleep } from 'node:timers/promises'
import { chanceOf } from '../chance.ts'
import { day } from '../story/deeds.ts'

/** Kills the service at `at` (unix seconds), so many real milliseconds after it was given something to do. */
type Accident = { at: number; afterMs: number; by: 'clock' | 'webhook'; number: number }

/** One a month, most of the time: while it does what is due, or while it takes in the n-th webhook from then on. */
export function accidentOf(seed: number, month: number, start: number, end: number): Accident | undefined {
  const chance = chanceOf(seed, 'accident', month)
  if (chance.happens(0.3)) return undefined
  return {
    at: chance.between(start + day, end - day),
    afterMs: chance.between(0, 30),
    by: chance.oneOf(['clock', 'webhook']),
    number: chance.between(1, 8),
  }
}

/** The service is given something to do, and killed in the middle of it. */
export async function inTheMiddle<T>(
  work: Promise<T>,
  { afterMs }: Accident,
  kill: () => Promise<void>,
): Promise<T> {
  work.catch(() => {})
  await sleep(afterMs)
  await kill()
  return work
}
