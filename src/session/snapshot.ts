import { keysOf } from '../db/keys-of.ts'
import type { Reader, Row } from '../db/tables.ts'
import { streams } from '../log/facts.ts'
import { readFacts } from '../log/read.ts'
import {
  columnsOf,
  deserialize,
  evolve,
  initialSnapshot,
  machineVersion,
  type Snapshot,
  StrandedFact,
} from './session.ts'

/**
 * The session's snapshot: as stored, or folded again from the log where the stored one is broken, is not this session's,
 * or was made by another version of the statechart.
 * @throws StrandedFact when the log holds what this statechart cannot take
 */
export async function snapshotOf(reader: Reader, row: Row<'onboarding_sessions'>): Promise<Snapshot> {
  if (row.machine_version === machineVersion) {
    try {
      const stored = deserialize(row.snapshot)
      if (agrees(stored, row)) return stored
    } catch {
      // Broken: fold again.
    }
  }
  let snapshot = initialSnapshot
  for await (const fact of readFacts(reader, {
    stream: streams.onboarding(row.session_id),
    until: row.last_position,
  }))
    snapshot = evolve(snapshot, fact).snapshot
  if (snapshot.context.session_id !== row.session_id)
    throw new StrandedFact(`Session ${row.session_id} is stranded: the log does not know it`)
  return snapshot
}

/** A sound snapshot may still be another session's, or this one's of an earlier day: then the columns say otherwise. */
function agrees(snapshot: Snapshot, row: Row<'onboarding_sessions'>): boolean {
  const columns = columnsOf(snapshot)
  return keysOf(columns).every((name) => columns[name] === row[name])
}
