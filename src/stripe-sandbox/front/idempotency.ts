import { createHash } from 'node:crypto'
import { StripeFailure } from '../objects/errors.ts'
import type { FormHash } from '../objects/parameters.ts'
import type { Store } from '../objects/store.ts'

export type StoredAnswer = { status: number; body: string; requestId: string }

/** Answers under idempotency keys, kept for 24 hours by the clock. */
export type IdempotencyKeys = {
  /** @throws StripeFailure 400 for another endpoint or other parameters, 409 while the first request is under way */
  recall(key: string, request: KeyedRequest): StoredAnswer | undefined
  /** Marks the key as in use until `release`. */
  claim(key: string): void
  release(key: string): void
  /** To be called in the transaction that did what the answer says. */
  keep(key: string, request: KeyedRequest, answer: StoredAnswer): void
}

export type KeyedRequest = { method: string; path: string; form: FormHash }

const keptMs = 24 * 60 * 60 * 1000

export function openIdempotencyKeys(store: Store, clock: () => number): IdempotencyKeys {
  const read = store.db.prepare('SELECT * FROM idempotency WHERE key = ? AND created_at > ?')
  const write = store.db.prepare('INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?, ?, ?)')
  const inUse = new Set<string>()
  return {
    recall: (key, request) => {
      if (inUse.has(key)) throw keyInUse(key)
      const row = read.get(key, clock() - keptMs) as Row | undefined
      if (!row) return undefined
      if (row.endpoint !== endpointOf(request))
        throw otherUse(
          `the same endpoint they were first used for ('${row.endpoint}' vs '${endpointOf(request)}')`,
          key,
        )
      if (row.parameters_hash !== hashOf(request))
        throw otherUse('the same parameters they were first used with', key)
      return { status: row.status, body: row.body, requestId: row.request_id }
    },
    claim: (key) => inUse.add(key),
    release: (key) => inUse.delete(key),
    keep: (key, request, answer) => {
      write.run(
        key,
        endpointOf(request),
        hashOf(request),
        answer.status,
        answer.body,
        answer.requestId,
        clock(),
      )
    },
  }
}

type Row = { endpoint: string; parameters_hash: string; status: number; body: string; request_id: string }

const endpointOf = ({ method, path }: KeyedRequest) => `${method} ${path}`
const hashOf = ({ form }: KeyedRequest) => createHash('sha256').update(canonical(form)).digest('hex')

/** The same text for the same parameters, whatever order they were sent in. */
function canonical(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, child]) => `${JSON.stringify(key)}:${canonical(child)}`).join(',')}}`
}

function otherUse(rule: string, key: string): StripeFailure {
  return new StripeFailure(400, {
    type: 'idempotency_error',
    message: `Keys for idempotent requests can only be used for ${rule}. Try using a key other than '${key}' if you meant to execute a different request.`,
  })
}

function keyInUse(key: string): StripeFailure {
  return new StripeFailure(409, {
    type: 'invalid_request_error',
    code: 'idempotency_key_in_use',
    message: `There is currently another in-progress request using this Idempotent Key (that probably means you submitted twice, and the other request is still going through): ${key}. Please try again later.`,
  })
}
