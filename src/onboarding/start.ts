import { createHash, randomUUID } from 'node:crypto'
import type { AppContext, Caller } from '../context.ts'
import type { Trx } from '../db/tables.ts'
import { loadOwnSession } from './access.ts'
import { dispatch, loadSession, newSession, type Session } from './store.ts'

export type Applicant = { email: string; name: string; company_name: string; phone: string | null }

/**
 * Opens a session for a new tenant. With an idempotency key the same call gives the same session and tenant, for
 * ever: their ids are made of it.
 * @param alongside what else belongs in the same transaction
 */
export async function start(
  context: AppContext,
  caller: Caller & { keyId: string },
  applicant: Applicant,
  idempotencyKey: string | undefined,
  alongside: (trx: Trx, session: Session, expiresAt: string) => Promise<void>,
): Promise<Session> {
  const ids =
    idempotencyKey === undefined
      ? { sessionId: randomUUID(), tenantId: randomUUID() }
      : {
          sessionId: uuidOf(`session:${caller.keyId}:${idempotencyKey}`),
          tenantId: uuidOf(`tenant:${caller.keyId}:${idempotencyKey}`),
        }
  await context.db.transact(async (trx) => {
    const now = context.now()
    const known = await trx
      .selectFrom('onboarding_sessions')
      .select('expires_at')
      .where('session_id', '=', ids.sessionId)
      .executeTakeFirst()
    if (known !== undefined) {
      await alongside(trx, await loadSession(trx, ids.sessionId), known.expires_at)
      return
    }
    const expiresAt = new Date(now.getTime() + context.config.sessionTtlHours * 3_600_000).toISOString()
    const session = await dispatch(
      trx,
      newSession(ids.sessionId, `Jeturing_${ids.tenantId}`),
      {
        type: 'onboarding.started',
        data: { session_id: ids.sessionId, expires_at: expiresAt, personal: applicant },
      },
      { by: caller, now: now.toISOString(), factId: `start:${ids.sessionId}` },
    )
    await alongside(trx, session, expiresAt)
  })
  return loadOwnSession(context.db.reader, ids.sessionId, caller)
}

/** A UUID (version 8, RFC 9562) made of a text. */
function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex')
  const variant = ((Number.parseInt(hex[16] ?? '0', 16) & 3) | 8).toString(16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
