import { onboardingFacts } from '../../machines/onboarding-facts.ts'
import { keysOf, tableOf } from '../db/keys-of.ts'
import type { NewRow, Row, Trx } from '../db/tables.ts'
import { type Fact, streams } from '../log/facts.ts'
import { readFacts } from '../log/read.ts'
import {
  columnsOf,
  evolve,
  initialSnapshot,
  machineVersion,
  type Snapshot,
  StrandedFact,
  serialize,
} from '../session/session.ts'
import { snapshotOf } from '../session/snapshot.ts'
import type { Projection } from './projection.ts'

/** `machine_version` of a session whose facts this code's statechart cannot take: it is quarantined. */
export const strandedVersion = 'stranded'

/** A session's snapshot is the fold of its stream; the other columns are taken from the snapshot, to be searched by. */
export const onboardingSessions: Projection = {
  table: 'onboarding_sessions',
  primaryKey: 'session_id',
  on: tableOf(keysOf(onboardingFacts), () => fold),
}

/** @param evolved the snapshot after the fact, where whoever recorded it has evolved it: by the same version of the stream */
async function fold(trx: Trx, fact: Fact, evolved?: Snapshot): Promise<void> {
  const circumstances = {
    tenant_id: fact.tenant_id ?? '',
    version: fact.version,
    created_at: fact.occurred_at,
    updated_at: fact.occurred_at,
    last_position: fact.position,
  }
  if (evolved !== undefined) return save(trx, evolved, circumstances)
  const sessionId = fact.stream.slice('onboarding-'.length)
  const row = await trx
    .selectFrom('onboarding_sessions')
    .selectAll()
    .where('session_id', '=', sessionId)
    .executeTakeFirst()
  try {
    const before = row === undefined ? initialSnapshot : await snapshotOf(trx, row)
    const { snapshot } = evolve(before, fact)
    await save(trx, snapshot, circumstances)
  } catch (error) {
    if (!(error instanceof StrandedFact)) throw error
    await trx
      .updateTable('onboarding_sessions')
      .set({ machine_version: strandedVersion, version: fact.version, last_position: fact.position })
      .where('session_id', '=', sessionId)
      .execute()
  }
}

/**
 * Folds the sessions again whose snapshots another version of the statechart has made: once, when a release starts.
 * Those whose history this version cannot take are quarantined. Returns how many there were of each.
 */
export async function refoldSessions(trx: Trx): Promise<{ refolded: number; stranded: number }> {
  const counts = { refolded: 0, stranded: 0 }
  const rows = await trx
    .selectFrom('onboarding_sessions')
    .selectAll()
    .where('machine_version', '!=', machineVersion)
    .execute()
  for (const row of rows) counts[await refold(trx, row)] += 1
  return counts
}

async function refold(trx: Trx, row: Row<'onboarding_sessions'>): Promise<'refolded' | 'stranded'> {
  if (row.machine_version !== strandedVersion) {
    try {
      await save(trx, await snapshotOf(trx, row), row)
      return 'refolded'
    } catch (error) {
      if (!(error instanceof StrandedFact)) throw error
    }
  }
  // Where one version strands and another does not, more than the snapshot differs: fact by fact, as a replay does it.
  await trx.deleteFrom('onboarding_sessions').where('session_id', '=', row.session_id).execute()
  const stream = streams.onboarding(row.session_id)
  for await (const fact of readFacts(trx, { stream, until: row.last_position })) await fold(trx, fact)
  const folded = await trx
    .selectFrom('onboarding_sessions')
    .select('machine_version')
    .where('session_id', '=', row.session_id)
    .executeTakeFirst()
  return folded?.machine_version === machineVersion ? 'refolded' : 'stranded'
}

type Circumstances = Pick<
  NewRow<'onboarding_sessions'>,
  'tenant_id' | 'version' | 'created_at' | 'updated_at' | 'last_position'
>

async function save(
  trx: Trx,
  snapshot: Snapshot,
  { tenant_id, version, created_at, updated_at, last_position }: Circumstances,
): Promise<void> {
  const row: NewRow<'onboarding_sessions'> = {
    ...columnsOf(snapshot),
    tenant_id,
    snapshot: serialize(snapshot),
    version,
    machine_version: machineVersion,
    created_at,
    updated_at,
    last_position,
  }
  // A session keeps the time of its first fact.
  const { session_id: _, created_at: _created, ...columns } = row
  await trx
    .insertInto('onboarding_sessions')
    .values(row)
    .onConflict((conflict) => conflict.column('session_id').doUpdateSet(columns))
    .execute()
}
