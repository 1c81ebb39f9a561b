/** What the service has refused, in its own words. */
export class Refused extends Error {
  /** @param {number} status @param {{ code: string, message: string, request_id: string }} error */
  constructor(status, { code, message, request_id }) {
    super(message)
    this.name = 'Refused'
    this.status = status
    this.code = code
    this.requestId = request_id
  }
}

/** @typedef {Record<string, string | number | boolean | null | undefined>} Query */

/**
 * `data` of an operators' route. What is undefined, null or '' in the query is left out.
 * @param {string} path below /api/v1/admin
 * @param {Query} [query]
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export function get(path, query = {}, signal) {
  return ask(urlOf(path, query), { ...(signal && { signal }) })
}

/** @param {string} path @param {object} [body] @returns {Promise<any>} */
export function post(path, body = {}) {
  return ask(urlOf(path, {}), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Requested-With': 'stepledger-console' },
    body: JSON.stringify(body),
  })
}

/** @param {string} path @param {Query} query */
export function urlOf(path, query) {
  const search = new URLSearchParams(
    Object.entries(query).flatMap(([name, value]) =>
      value === undefined || value === null || value === '' ? [] : [[name, String(value)]],
    ),
  )
  return `/api/v1/admin${path}${search.size === 0 ? '' : `?${search}`}`
}

/**
 * @typedef {{ key_id: string | null, expires_at: string | null }} Login
 * @returns {Promise<Login>}
 */
export const login = () => ask('/console/login', {})
/** @param {string} key @returns {Promise<Login>} */
export const logIn = (key) => ask('/console/login', { method: 'POST', headers: { 'X-API-Key': key } })
export const logOut = () => ask('/console/logout', { method: 'POST' })

/** @returns {Promise<{ status: string, checks: Record<string, { ok: boolean, message?: string }> }>} */
export async function readiness() {
  return (await fetch('/health/ready')).json()
}

/** @param {string} url @param {RequestInit} init */
async function ask(url, init) {
  const response = await fetch(url, { credentials: 'same-origin', ...init })
  const reply = await response.json().catch(() => ({}))
  if (response.ok) return reply.data
  if (response.status === 401 && url.startsWith('/api/')) dispatchEvent(new Event('logged-out'))
  throw new Refused(
    response.status,
    reply.error ?? { code: 'unknown', message: `The service answered ${response.status}`, request_id: '' },
  )
}
