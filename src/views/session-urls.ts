import type { Reader } from '../db/tables.ts'
import { streams } from '../log/facts.ts'
import { factOf } from '../log/read.ts'
import { personalOf } from '../log/subject.ts'

/** Addresses in the host's pages may name people: they are sealed in the facts, and in no snapshot. */
export type SessionUrls = {
  /** Where the browser goes on when all is done. */
  success_url: string | null
  /** Where the bank sends the browser back to, as last given. */
  return_url: string | null
}

export async function urlsOf(reader: Reader, sessionId: string): Promise<SessionUrls> {
  const rows = await reader
    .selectFrom('billing_events')
    .selectAll()
    .where('stream', '=', streams.onboarding(sessionId))
    .where('type', 'in', ['onboarding.started', 'onboarding.payment_setup_requested'])
    .orderBy('version')
    .execute()
  const urls: SessionUrls = { success_url: null, return_url: null }
  for (const row of rows) {
    const fact = factOf(row)
    if (fact.type === 'onboarding.started')
      urls.success_url = (await personalOf(reader, fact))?.success_url ?? null
    if (fact.type === 'onboarding.payment_setup_requested')
      urls.return_url = (await personalOf(reader, fact))?.return_url ?? null
  }
  return urls
}
