import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openScratch } from '../db/database.ts'
import { migrate } from '../db/migrate.ts'
import { blindSeals } from '../db/seals.ts'
import type { TableRow } from '../db/table-rows.ts'
import { type Fact, streams } from '../log/facts.ts'
import { project } from '../projections/project.ts'
import { type SessionPath, sessionPath } from './session-path.ts'
import { rowsOfTenant } from './tenant-rows.ts'

/** The path of a session, and its tenant's rows, as these facts alone make them: in a database of their own. Placeholders stand in the clear. */
export async function foldCapsule(
  facts: readonly Fact[],
  sessionId: string,
  tenantId: string,
): Promise<SessionPath & { tables: Record<string, TableRow[]> }> {
  const directory = await mkdtemp(join(tmpdir(), 'stepledger-capsule-'))
  const db = openScratch(join(directory, 'fold.db'), blindSeals)
  try {
    await migrate(db)
    await db.transact(async (trx) => {
      await project(trx, facts)
    })
    const { onboarding_sessions: _, ...tables } = await rowsOfTenant(db.reader, tenantId)
    const own = facts.filter(({ stream }) => stream === streams.onboarding(sessionId))
    return { ...sessionPath(own), tables }
  } finally {
    await db.close()
    await rm(directory, { recursive: true, force: true })
  }
}
