import { finalStatuses } from '../../machines/onboarding-steps.ts'
import type { Database } from '../db/database.ts'
import type { Row } from '../db/tables.ts'
import { streams } from '../log/facts.ts'
import { readFacts } from '../log/read.ts'
import { machineVersion, placeOf } from '../session/session.ts'
import { sessionPath } from './session-path.ts'

export type Rehearsal = {
  machine_version: string
  sessions: number
  fine: number
  /** The statechart of this code does not take a fact that the session's log has. */
  stranded: { session_id: string; tenant_id: string; position: number; type: string; message: string }[]
  /** The statechart of this code puts the session elsewhere than it was left. */
  changed: { session_id: string; tenant_id: string; stored: string; folded: string }[]
  seconds: number
  ok: boolean
}

/**
 * Runs every open session through the statechart of this code, and changes nothing. Meant for the code of the next
 * release, on the database of the present one.
 */
export async function rehearse(
  { reader }: Pick<Database, 'reader'>,
  options: {
    tenantId?: string | undefined
    onProgress?: ((done: number, total: number) => void) | undefined
  } = {},
): Promise<Rehearsal> {
  const start = performance.now()
  const stranded: Rehearsal['stranded'] = []
  const changed: Rehearsal['changed'] = []
  let open = reader.selectFrom('onboarding_sessions').where('status', 'not in', finalStatuses)
  if (options.tenantId !== undefined) open = open.where('tenant_id', '=', options.tenantId)
  const { count } = await open.select((eb) => eb.fn.countAll<number>().as('count')).executeTakeFirstOrThrow()
  let sessions = 0
  for (let last = ''; ; ) {
    const page = await open
      .selectAll()
      .where('session_id', '>', last)
      .orderBy('session_id')
      .limit(pageSize)
      .execute()
    for (const row of page) {
      const { session_id, tenant_id } = row
      const folded = await fold(row)
      if (folded.stranded !== null) stranded.push({ session_id, tenant_id, ...folded.stranded })
      else if (folded.place !== folded.stored)
        changed.push({ session_id, tenant_id, stored: folded.stored, folded: folded.place })
      sessions += 1
    }
    options.onProgress?.(sessions, Math.max(sessions, Number(count)))
    if (page.length < pageSize) break
    last = page.at(-1)?.session_id ?? ''
  }
  return {
    machine_version: machineVersion,
    sessions,
    fine: sessions - stranded.length - changed.length,
    stranded,
    changed,
    seconds: Number(((performance.now() - start) / 1000).toFixed(3)),
    ok: stranded.length === 0 && changed.length === 0,
  }

  async function fold(row: Row<'onboarding_sessions'>) {
    const stream = streams.onboarding(row.session_id)
    const facts = await Array.fromAsync(readFacts(reader, { stream, until: row.last_position }))
    const { snapshot, stranded } = sessionPath(facts)
    return { stranded, place: placeOf(snapshot), stored: row.place }
  }
}

const pageSize = 200
