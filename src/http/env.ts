import type { HttpBindings } from '@hono/node-server'
import type { Scope } from '../auth/keys.ts'
import type { ErrorCode } from '../errors.ts'

/** Who is asking, as proven by the key. */
export type Caller = {
  /** For facts and the log: `key:<id>` or `session:<session id>`. */
  actor: string
  scope: Scope
  /** Set for the scopes tenant and session. */
  tenantId: string | null
  /** Set for the scope session. */
  sessionId: string | null
  keyId: string
}

/** What the frame sets for the routes under /api/v1: `c.get('caller')` and so on. */
export type Env = {
  /** Absent when a test calls `app.request` without a server. */
  Bindings: Partial<HttpBindings>
  Variables: {
    requestId: string
    caller: Caller
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
