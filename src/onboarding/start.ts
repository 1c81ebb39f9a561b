import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { Applicant } from '../../machines/onboarding-facts.ts'
import { allowedUrl } from '../auth/allowed-url.ts'
import { derivedUuid } from '../auth/derived-uuid.ts'
import type { AppContext } from '../context.ts'
import { text } from '../db/fields.ts'
import type { Turn } from '../effects/turn.ts'
import { usedForAnother } from '../errors.ts'
import { dispatch, hoursAfter, loadSession, newSession, type Session } from '../inbox/sessions/store.ts'
import type { Caller } from '../log/by.ts'
import { canonicalJson } from '../log/canonical-json.ts'
import { findFact } from '../log/read.ts'
import { assertNotErased } from '../projections/tenants.ts'
import { loadOwnSession } from './access.ts'

export const ApplicantInput = z.strictObject({
  email: z.email('must be an e-mail address').max(254),
  name: text(200),
  company_name: text(200),
  phone: z
    .string()
    // Without an example: what looks like a phone number is masked in errors.
    .regex(/^\+?[0-9 ().-]{5,20}$/, 'must be a phone number: digits, with + before the country')
    .max(20, 'must be at most 20 characters long: Stripe takes no more')
    .optional(),
})

export const StartInput = ApplicantInput.extend({ success_url: z.string().min(1).max(2048).optional() })

/**
 * Opens a session for a new tenant. With an idempotency key the same request gives the same session and tenant, for
 * ever: their ids are made of the caller and the key. Whoever else comes with the key, be it years later, is refused:
 * another caller has ids of their own, and another applicant is not the one in the log.
 * @param application.successUrl where the browser goes on when all is done, of an allowed origin
 * @param alongside what else belongs in the same transaction. Of a session that is over nothing does any more
 * @throws AppError idempotency_mismatch; conflict when the tenant was erased meanwhile
 */
export async function start(
  context: AppContext,
  caller: Caller & { keyId: string },
  application: { applicant: Applicant; successUrl?: string | undefined },
  idempotencyKey: string | undefined,
  alongside: (turn: Turn, session: Session, expiresAt: string) => Promise<void>,
): Promise<Session> {
  const { applicant, successUrl } = application
  const success_url =
    successUrl === undefined ? null : allowedUrl('success_url', successUrl, context.config.returnUrlOrigins)
  const ids =
    idempotencyKey === undefined
      ? { sessionId: randomUUID(), tenantId: randomUUID() }
      : {
          sessionId: derivedUuid(`session:${caller.keyId}:${idempotencyKey}`),
          tenantId: derivedUuid(`tenant:${caller.keyId}:${idempotencyKey}`),
        }
  await context.transact(caller, async (turn) => {
    const { trx, now } = turn
    const factId = `start:${ids.sessionId}`
    const expiresAt = hoursAfter(now, context.config.sessionTtlHours)
    const personal = { ...applicant, success_url }
    const request_hash = await trx.seals.hash(canonicalJson(personal), now)
    const data = { session_id: ids.sessionId, expires_at: expiresAt, request_hash, personal }
    const start = (await findFact(trx, factId, 'onboarding.started'))?.data
    if (start === undefined) {
      const session = await dispatch(
        turn,
        newSession(ids.sessionId, `Jeturing_${ids.tenantId}`),
        { type: 'onboarding.started', data },
        { factId },
      )
      await alongside(turn, session, expiresAt)
      return
    }
    // By the log alone: it remembers longer than the stored replies do, and longer than who asked.
    if (start.request_hash !== request_hash) throw usedForAnother()
    const session = await loadSession(trx, ids.sessionId)
    await assertNotErased(trx, session.tenantId, 'conflict')
    if (session.snapshot.status !== 'done') await alongside(turn, session, start.expires_at)
  })
  return loadOwnSession(context.db.reader, ids.sessionId, caller)
}
