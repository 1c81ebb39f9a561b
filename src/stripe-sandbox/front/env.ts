import type { HttpBindings } from '@hono/node-server'
import type { AskedRequest } from './asked-request.ts'
import type { Fault } from './faults.ts'

/** What the handlers of one request share. */
export type Env = {
  Bindings: HttpBindings
  Variables: { asked: AskedRequest; requestId: string; fault: Fault | undefined }
}
