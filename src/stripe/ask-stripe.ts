import { StripeFailure } from './failure.ts'

/**
 * A question to Stripe that changes nothing. A failure is thrown as the caller of our API sees it.
 * @param missing answers for an object that Stripe does not have, or throws
 */
export async function askStripe<T>(question: () => Promise<T>, missing?: () => T): Promise<T> {
  try {
    return await question()
  } catch (error) {
    if (!(error instanceof StripeFailure)) throw error
    if (error.kind === 'missing' && missing !== undefined) return missing()
    throw error.toAppError()
  }
}
