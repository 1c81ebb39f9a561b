import type { IncomingMessage } from 'node:http'
import { decodeForm, type FormHash } from '../objects/form.ts'

export type AskedRequest = {
  method: string
  path: string
  form: FormHash
  key: string | undefined
  authorization: string | undefined
  /** Without a `Stripe-Version`, parameters of earlier versions are taken too. */
  older: boolean
  fromBrowser: boolean
}

export function readRequest(request: IncomingMessage, body: string): AskedRequest {
  const url = new URL(request.url ?? '/', 'http://sandbox')
  const method = request.method ?? 'GET'
  const form = decodeForm(method !== 'GET' && body !== '' ? body : url.search.slice(1))
  const key = request.headers['idempotency-key']
  return {
    method,
    path: url.pathname.replace(/(.)\/$/, '$1'),
    form,
    key: method === 'POST' && typeof key === 'string' && key !== '' ? key.slice(0, 255) : undefined,
    authorization: request.headers.authorization,
    older: request.headers['stripe-version'] === undefined,
    fromBrowser: false,
  }
}
