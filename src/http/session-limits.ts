import { rowsOfCode } from '../billing/discounts.ts'
import type { Database } from '../db/database.ts'
import { UnknownCode } from '../inbox/catalogue/unknown-code.ts'
import type { ApiCaller } from './env.ts'
import { hourlyLimit, setRecent } from './limits.ts'

/**
 * What one session may cost: its token is in a browser, and each step may be several calls to Stripe. A tenant's callers
 * and the platform's are counted apart, so that nobody uses up what is another's.
 */
export function sessionLimits({ reader }: Database) {
  const now = () => performance.now()
  const takeStep = hourlyLimit({ limit: 200, message: 'Too many steps of this session in an hour' })
  const takeCode = hourlyLimit({
    limit: 20,
    message: 'Too many unknown discount codes in this session in an hour',
  })
  const unknown = new Map<string, number>()

  return {
    /** @throws AppError rate_limited */
    step(caller: ApiCaller, sessionId: string): void {
      takeStep(keyOf(caller, sessionId))
    },

    /**
     * Lets a choice with a code be made. A code that was unknown a moment ago is refused without asking Stripe, and
     * not counted again; one that we have known is asked for each time, because it may have been made again.
     * @throws AppError rate_limited, whatever the code, once too many were unknown
     */
    async withCode<T>(
      caller: ApiCaller,
      choice: { session_id: string; discount_code?: string | undefined },
      choose: () => Promise<T>,
    ): Promise<T> {
      const code = choice.discount_code
      if (code === undefined) return choose()
      if ((unknown.get(code) ?? 0) > now()) throw new UnknownCode(code)
      // Taken before Stripe is asked, so that a hundred guesses at once are counted too.
      const giveBack = takeCode(keyOf(caller, choice.session_id))
      try {
        const chosen = await choose()
        giveBack()
        return chosen
      } catch (error) {
        if (!(error instanceof UnknownCode)) giveBack()
        else if ((await rowsOfCode(reader, code)).length === 0)
          setRecent(unknown, code, now() + memoryMs, maxCodes)
        throw error
      }
    },
  }
}

const keyOf = ({ tenantId }: ApiCaller, sessionId: string) => `${tenantId ?? ''} ${sessionId}`
const memoryMs = 30_000
const maxCodes = 1_000
