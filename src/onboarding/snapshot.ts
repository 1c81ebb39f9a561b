import type { OnboardingFact } from '../../machines/onboarding-facts.ts'
import type { Reader, Row } from '../db/tables.ts'
import { streams } from '../log/facts.ts'
import { readFacts } from '../log/read.ts'
import { deserialize, evolve, initialSnapshot, machineVersion, type Snapshot } from './session.ts'

/**
 * The session's snapshot: as stored, or folded again from the log where the stored one is broken or was made by
 * another version of the statechart.
 * @throws StrandedFact when the log holds what this statechart cannot take
 */
export async function snapshotOf(reader: Reader, row: Row<'onboarding_sessions'>): Promise<Snapshot> {
  if (row.machine_version === machineVersion) {
    try {
      return deserialize(row.snapshot)
    } catch {
      // Broken: fold again.
    }
  }
  let snapshot = initialSnapshot
  for await (const fact of readFacts(reader, {
    stream: streams.onboarding(row.session_id),
    until: row.last_position,
  }))
    snapshot = evolve(snapshot, fact as OnboardingFact).snapshot
  return snapshot
}
