import type { Context } from 'hono'
import { invalidRequest } from '../objects/errors.ts'
import type { FormHash } from '../objects/parameters.ts'
import { apiVersion } from '../objects/turn.ts'
import type { Env } from './env.ts'
import { decodeForm } from './form.ts'

export type AskedRequest = {
  method: string
  path: string
  form: FormHash
  /** The idempotency key; only a POST has one. */
  key: string | undefined
  authorization: string | undefined
  version: string | undefined
}

export async function readRequest({ req }: Context<Env>): Promise<AskedRequest> {
  const body = req.method === 'GET' ? '' : await req.text()
  return {
    method: req.method,
    path: req.path,
    form: decodeForm(body === '' ? new URL(req.url).search : body),
    key: (req.method === 'POST' && req.header('idempotency-key')) || undefined,
    authorization: req.header('authorization'),
    version: req.header('stripe-version'),
  }
}

/** @throws StripeFailure 400 */
export function checkHeaders({ key, version }: AskedRequest): void {
  const release = apiVersion.replace(/^[\d-]+/, '')
  if (version !== undefined && !(/^\d{4}-\d\d-\d\d\.\w+$/.test(version) && version.endsWith(release)))
    throw invalidRequest(`Invalid Stripe API version: ${version}. The sandbox plays ${apiVersion}.`)
  if (key !== undefined && key.length > 255)
    throw invalidRequest('Invalid Idempotency-Key: keys have at most 255 characters.')
}
