import type { Reader } from '../../db/tables.ts'
import type { Fact } from '../../log/facts.ts'
import { readFacts } from '../../log/read.ts'
import { historyOf, type Retold } from '../history/history-of.ts'
import { type History, model, type Picture } from '../model.ts'
import type { World } from '../world/world.ts'
import { modelNumbers, type Period } from './model-numbers.ts'
import { compare, type Difference } from './numbers.ts'
import { ownNames } from './own-names.ts'
import { serviceNumbers } from './service-numbers.ts'
import { uncounted } from './uncounted.ts'

export type Judgement = { differences: Difference[]; history: History; picture: Picture }

/**
 * Compares everything that the service says of a tenant with what the model says of the same history.
 * @param now unix milliseconds
 */
export async function judge(
  world: Pick<World, 'ask' | 'db'>,
  tenantId: string,
  { now, periods }: { now: number; periods: readonly Period[] },
): Promise<Judgement> {
  const { reader } = world.db
  const facts = await Array.fromAsync(readFacts(reader, { tenantId, andTenantless: true }))
  const { history, nameOf, picture } = pictureOf(reader, facts, now)
  const ours = await serviceNumbers(world, { tenantId, periods, nameOf })
  const isUncounted = uncounted(history, facts)
  const differences = compare(ours, modelNumbers(picture, periods)).filter(
    ({ number }) => !isUncounted(number),
  )
  return { differences, history, picture }
}

/** What the model makes of a tenant's log. */
function pictureOf(reader: Reader, facts: readonly Fact[], now: number): Retold & { picture: Picture } {
  const told = (names: Map<string, string>) => {
    const retold = historyOf(reader, facts, (key) => names.get(key))
    return { ...retold, picture: model(retold.history, now) }
  }
  const names = ownNames(facts)
  const first = told(names)
  const better = ownNames(facts, first.picture)
  return [...better].every(([key, name]) => names.get(key) === name) ? first : told(better)
}
