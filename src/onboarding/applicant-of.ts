import { type Applicant, applicant } from '../../machines/onboarding-facts.ts'
import { pickFields } from '../db/fields.ts'
import type { Reader } from '../db/tables.ts'
import { streams } from '../log/facts.ts'
import { factOf } from '../log/read.ts'
import { livingPersonal } from '../log/subject.ts'

/** Whom a session is for: as given at its start, or as corrected since, unless Stripe has refused the correction. */
export async function applicantOf(reader: Reader, sessionId: string): Promise<Applicant> {
  const rows = await reader
    .selectFrom('billing_events')
    .selectAll()
    .where('stream', '=', streams.onboarding(sessionId))
    .where('type', 'in', ['onboarding.started', 'onboarding.applicant_corrected'])
    .orderBy('version', 'desc')
    .execute()
  for (const row of rows) {
    const fact = factOf(row)
    if (fact.type === 'onboarding.started') {
      return pickFields(applicant, await livingPersonal(reader, fact))
    }
    if (fact.type !== 'onboarding.applicant_corrected') continue
    const { idempotency_key: key } = fact.data
    if (key === null || !(await hasFailed(reader, key))) return livingPersonal(reader, fact)
  }
  throw new Error(`The log has no beginning of session ${sessionId}`)
}

async function hasFailed(reader: Reader, key: string): Promise<boolean> {
  const failed = await reader
    .selectFrom('billing_events')
    .select('position')
    .where('fact_id', '=', `${key}:failed`)
    .executeTakeFirst()
  return failed !== undefined
}
