import type { HttpBindings } from '@hono/node-server'
import type { Scope } from '../auth/keys.ts'
import type { ErrorCode } from '../errors.ts'
import type { Caller } from '../log/by.ts'

/** Who is asking, as proven by the key: `key:<id>` or `session:<session id>`. */
export type ApiCaller = Caller & { scope: Scope; keyId: string; requestId: string }

/** What the frame sets for the routes under /api/v1: `c.get('caller')` and so on. */
export type Env = {
  /** Absent when a test calls `app.request` without a server. */
  Bindings: Partial<HttpBindings>
  Variables: {
    requestId: string
    caller: ApiCaller
    /** The key itself, for `sessionToken`. Never put it anywhere else. */
    apiKey: string
    /** Whether the same key or login would be let in now. */
    isStillIn: () => Promise<boolean>
    /** The JSON body before its schema; undefined when the body is empty. */
    body: Record<string, unknown> | undefined
    idempotencyKey: string | undefined
    /** Of the reply, for the log. */
    errorCode: ErrorCode | undefined
  }
}
