import type { Trx } from '../db/tables.ts'
import { append } from '../log/append.ts'
import type { Fact, NewFact } from '../log/facts.ts'
import type { Snapshot } from '../session/session.ts'
import { project } from './project.ts'

/**
 * Appends facts and brings the tables up to date, in the caller's transaction: the only way that anything enters the
 * log. Returns the facts that are new.
 * @param snapshot of a session, after its one fact: it need not be folded again
 */
export async function record(
  trx: Trx,
  stream: string,
  expectedVersion: number | 'any',
  newFacts: readonly NewFact[],
  now: string,
  snapshot?: Snapshot,
): Promise<Fact[]> {
  const recorded = await append(trx, stream, expectedVersion, newFacts, now)
  await project(trx, recorded, snapshot)
  return recorded
}
