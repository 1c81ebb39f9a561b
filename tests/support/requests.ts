export const adminKey = 'an-admin-key-of-the-tests'

/** What a test sees of a reply; `body` is any JSON, and undefined where the reply is something else. */
// biome-ignore lint/suspicious/noExplicitAny: replies are looked into by the assertions
export type Reply = { status: number; headers: Headers; text: string; body: any }

/** `key`: '' sends none. */
export type RequestOptions = { key?: string; headers?: Record<string, string> }

/** A string goes as the body as it is, anything else as JSON. */
export type SendRequest = (
  method: string,
  path: string,
  body?: unknown,
  options?: RequestOptions,
) => Promise<Reply>

/**
 * The one way in which tests call the service, be it an app in this process or a process of its own.
 * @param fetch takes the path as the test gives it
 * @param ownKey sent where the test names none
 */
export const requestsBy =
  (
    fetch: (path: string, init: RequestInit) => Response | Promise<Response>,
    ownKey = adminKey,
  ): SendRequest =>
  async (method, path, body, { key = ownKey, headers } = {}) => {
    const response = await fetch(path, {
      method,
      headers: { ...(key !== '' && { 'X-API-Key': key }), ...headers },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    const isJson = response.headers.get('Content-Type')?.includes('json')
    const { status } = response
    return { status, headers: response.headers, text, body: isJson ? JSON.parse(text) : undefined }
  }

/** Of a service that listens there, over a socket. @param origin without a path */
export const requestsAt = (origin: string): SendRequest =>
  requestsBy((path, init) => fetch(`${origin}/api/v1${path}`, init))
