import { sql } from 'kysely'
import { z } from 'zod'
import { selectedPlan } from '../../machines/onboarding-facts.ts'
import { callsUnderWay } from '../../machines/onboarding-places.ts'
import { finalStatuses } from '../../machines/onboarding-steps.ts'
import { timeOut } from '../db/fields.ts'
import { type Page, type PageQuery, pageOf } from '../db/page.ts'
import type { Reader, Row } from '../db/tables.ts'
import { sessionRow } from '../inbox/sessions/store.ts'
import { streams } from '../log/facts.ts'
import { readFacts } from '../log/read.ts'
import { strandedVersion } from '../projections/onboarding-sessions.ts'
import { StrandedFact } from '../session/session.ts'
import { snapshotOf } from '../session/snapshot.ts'
import { urlsOf } from '../views/session-urls.ts'
import { FullStanding, standingBesidesDue } from '../views/standing.ts'
import { isRetrying } from './outbox-gauges.ts'
import { RedactedFact, redact } from './redact.ts'
import { PathStep, Stranded, sessionPath } from './session-path.ts'

/** `is_quarantined`: this code's statechart does not take what the log holds. */
export const SessionListing = z
  .object({
    session_id: z.string(),
    tenant_id: z.string(),
    status: z.string(),
    position: z
      .string()
      .meta({ description: 'Place in the statechart, such as plan_selected.creating_subscription' }),
    version: z.int(),
    is_quarantined: z.boolean(),
    created_at: timeOut,
    updated_at: timeOut,
    expires_at: timeOut,
  })
  .meta({ id: 'AdminSession' })
export type SessionListing = z.infer<typeof SessionListing>

export type SessionFilter = {
  status?: string | undefined
  tenantId?: string | undefined
  /** The beginning of the session's id. */
  begins?: string | undefined
  /** Quarantined, or waiting for Stripe's answer for more than two minutes, or after a call that has failed. */
  stuck?: boolean | undefined
}

/** Longer than a call to Stripe with its retries. */
const patienceMs = 120_000

/** Newest first. @throws InvalidRequest on `cursor` */
export async function listSessions(
  reader: Reader,
  { status, tenantId, begins, stuck }: SessionFilter,
  page: PageQuery,
  now: Date,
): Promise<Page<SessionListing>> {
  let query = reader.selectFrom('onboarding_sessions').selectAll()
  if (status !== undefined) query = query.where('status', '=', status)
  if (tenantId !== undefined) query = query.where('tenant_id', '=', tenantId)
  if (begins !== undefined)
    query = query.where(
      sql<boolean>`session_id like ${`${begins.toLowerCase().replaceAll(/[\\%_]/g, '\\$&')}%`} escape '\\'`,
    )
  if (stuck) {
    const since = new Date(now.getTime() - patienceMs).toISOString()
    query = query
      .where('status', 'not in', finalStatuses)
      .where((eb) =>
        eb.or([
          eb('machine_version', '=', strandedVersion),
          eb.and([
            eb('place', 'in', [...callsUnderWay.keys()]),
            eb.or([
              eb('updated_at', '<', since),
              eb.exists(
                reader
                  .selectFrom('effects')
                  .select('effect_id')
                  .where('stream', '=', sql<string>`'onboarding-' || session_id`)
                  .where(isRetrying),
              ),
            ]),
          ]),
        ]),
      )
  }
  return pageOf(query, page, 'session_id', (row) => listing(reader, row))
}

export const SessionView = FullStanding.extend({
  plan: selectedPlan.nullable(),
  place: z.string().nullable(),
  machine_version: z.string(),
  is_quarantined: z.boolean(),
  stranded: Stranded.nullable().meta({
    description: 'The fact that the statechart of this code does not take',
  }),
  path: z.array(PathStep).meta({ description: 'The place after each fact; null from a stranded fact on' }),
  facts: z.array(RedactedFact),
})
export type SessionView = z.infer<typeof SessionView>

/**
 * A session and how it came there. Of a quarantined one the statechart's last good state is shown.
 * @throws NotFound
 */
export async function showSession(reader: Reader, sessionId: string): Promise<SessionView> {
  const row = await sessionRow(reader, sessionId)
  const facts = await Array.fromAsync(
    readFacts(reader, { stream: streams.onboarding(sessionId), until: row.last_position }),
  )
  const folded = sessionPath(facts)
  const isStranded = await isQuarantined(reader, row)
  const snapshot = isStranded ? folded.snapshot : await snapshotOf(reader, row)
  const session = {
    sessionId,
    tenantId: row.tenant_id,
    snapshot,
    version: row.version,
    lastPosition: row.last_position,
    updatedAt: row.updated_at,
  }
  return {
    ...standingBesidesDue(session, await urlsOf(reader, sessionId)),
    place: row.place,
    machine_version: row.machine_version,
    is_quarantined: isStranded,
    stranded: folded.stranded,
    path: folded.path,
    facts: facts.map(redact),
  }
}

async function listing(reader: Reader, row: Row<'onboarding_sessions'>): Promise<SessionListing> {
  const { session_id, tenant_id, status, version, created_at, updated_at, expires_at } = row
  return {
    session_id,
    tenant_id,
    status,
    position: row.place,
    version,
    is_quarantined: await isQuarantined(reader, row),
    created_at,
    updated_at,
    expires_at,
  }
}

/** As who sends a step finds out. */
async function isQuarantined(reader: Reader, row: Row<'onboarding_sessions'>): Promise<boolean> {
  try {
    await snapshotOf(reader, row)
    return false
  } catch (error) {
    if (error instanceof StrandedFact) return true
    throw error
  }
}
