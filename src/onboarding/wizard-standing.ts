import { z } from 'zod'
import { applicant } from '../../machines/onboarding-facts.ts'
import type { AppContext } from '../context.ts'
import type { Caller } from '../log/by.ts'
import { duesNow } from '../pricing/due-terms.ts'
import { urlsOf } from '../views/session-urls.ts'
import { FullStanding, fullStanding } from '../views/standing.ts'
import { loadOwnSession } from './access.ts'
import { applicantOf } from './applicant-of.ts'

/** The standing, and what a wizard needs beside it to resume on another device. */
export const WizardStanding = FullStanding.extend({ applicant, publishable_key: z.string().nullable() })
export type WizardStanding = z.infer<typeof WizardStanding>

/** @throws NotFound */
export async function wizardStanding(
  context: AppContext,
  caller: Caller,
  sessionId: string,
): Promise<WizardStanding> {
  const { reader } = context.db
  const session = await loadOwnSession(reader, sessionId, caller)
  return {
    ...fullStanding(session, await urlsOf(reader, sessionId), await duesNow(context)),
    applicant: await applicantOf(reader, sessionId),
    publishable_key: context.config.stripe.publishableKey ?? null,
  }
}
