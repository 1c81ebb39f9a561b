import type { Context } from 'hono'
import { findKey, sessionToken } from '../auth/keys.ts'
import { type AppContext, requireStripe } from '../context.ts'
import type { Env } from './env.ts'

type Reply = { data?: Record<string, unknown> }

/** The secrets that a reply may hold, in its `data`. None is ever stored. */
const secrets = ['key', 'session_token', 'client_secret'] as const

/** Whose whole reply is one: it is not stored, and the same request again is carried out again. */
export const isSecret = (path: string) => path === '/api/v1/billing/portal'

/** A reply as it may be stored: null stands where a secret was. */
export function withoutSecrets(reply: string): string {
  const { data, ...rest }: Reply = JSON.parse(reply)
  const held = secrets.filter((name) => typeof data?.[name] === 'string')
  if (held.length === 0) return reply
  return JSON.stringify({
    ...rest,
    data: { ...data, ...Object.fromEntries(held.map((name) => [name, null])) },
  })
}

/**
 * A stored reply as its caller gets it again. A session's token is made of the caller's key once more, and Stripe is
 * asked for its client secret; a key is shown once, and stays null. Undefined: the caller's key is another one by now,
 * and its token is unknown yet.
 * @throws StripeFailure when Stripe cannot be asked
 */
export async function withSecrets(
  context: AppContext,
  c: Context<Env>,
  stored: string,
): Promise<string | undefined> {
  const { data, ...rest }: Reply = JSON.parse(stored)
  if (data?.session_token === null) {
    const token = sessionToken(c.get('apiKey'), String(data.session_id))
    if ((await findKey(context.db.reader, token, context.now())) === undefined) return undefined
    return JSON.stringify({ ...rest, data: { ...data, session_token: token } })
  }
  // An invoice of which the bank wants nothing has none.
  if (data?.client_secret === null && data.needs_authentication !== false) {
    const clientSecret = await clientSecretOf(context, data)
    // The bank wants nothing any more.
    const { client_secret: _secret, requires_action: _action, ...others } = data
    return JSON.stringify({
      ...rest,
      data:
        clientSecret === null && data.invoice_id === undefined
          ? others
          : { ...data, client_secret: clientSecret },
    })
  }
  return stored
}

async function clientSecretOf(context: AppContext, data: Record<string, unknown>): Promise<string | null> {
  const { setup_intent_id, invoice_id, subscription_id } = data
  const stripe = requireStripe(context)
  const { clientSecret } =
    typeof setup_intent_id === 'string'
      ? await stripe.fetch('setup_intent', setup_intent_id)
      : typeof invoice_id === 'string'
        ? await stripe.fetch('invoice', invoice_id)
        : await stripe.fetch('subscription', String(subscription_id))
  return clientSecret
}
