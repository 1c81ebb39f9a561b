import { randomUUID } from 'node:crypto'
import type { Context, MiddlewareHandler } from 'hono'
import { z } from 'zod'
import { type Batch, openJournal } from './journal.ts'

export type RecordedBatch = {
  tenantId: string
  /** API calls, 1 or more. */
  quantity: number
  /** The same for every attempt at this batch, also after a crash: a second one with this key must count nothing. */
  idempotencyKey: string
  /** UTC ISO 8601 with milliseconds: the last call in `quantity`. */
  occurredAt: string
}

export type UsageTrackingOptions = {
  /** Stores the batches, all or none. It may be called again with a batch that it has stored. */
  record: (batches: RecordedBatch[]) => Promise<void>
  /**
   * The tenant that the request's key proves, or null when there is none. Asked after the handler, so it may read
   * what an authentication middleware inside has set. A tenant claimed by header, query or body is trusted only if
   * your `tenantOf` does so: see `claimedTenant`.
   */
  tenantOf: (c: Context) => string | null | undefined
  /** A tenant's calls are recorded each time there are this many. Default 100. */
  batchSize?: number
  /** All tenants' calls are recorded this often. Default 60,000. */
  flushIntervalMs?: number
  /** false: requests pass through, nothing is counted, no file is opened. Default true. */
  enabled?: boolean
  /** Paths that are never counted. Default `isHousekeepingPath`. */
  exclude?: (path: string) => boolean
  /** A file for this process alone (see `openJournal`). Without it, counts live in memory only: kill -9 loses them. */
  journal?: string
  /** Unix milliseconds. */
  now?: () => number
  /** Told of failures of `record`, `tenantOf`, `exclude` and the journal. Default: a process warning. */
  onError?: (error: unknown) => void
}

export type UsageTracking = MiddlewareHandler & {
  /** Records everything counted so far. Rejects when `record` fails; the calls are kept for the next flush. */
  flush(): Promise<void>
  /** For SIGTERM, once the server has stopped: a last flush, then the journal and its lock are released. */
  close(): Promise<void>
}

/**
 * Counts API calls per tenant and records them in batches.
 *
 * A call counts when its handler has finished with a status below 500 and `tenantOf` names a tenant: a refusal with
 * 4xx counts for the tenant whose key was used, a 401 has no tenant and counts for nobody, our own failures are free.
 * The count is taken, and appended to the journal, before the response leaves; nothing else is waited for.
 *
 * With a journal and a `record` that keeps its promise about keys, each call whose response left is recorded exactly
 * once, whenever the process is killed. A call caught between its count and its response may be recorded too, once.
 * @throws z.ZodError on a bad `batchSize` or `flushIntervalMs`; JournalInUse
 */
export function usageTracking(options: UsageTrackingOptions): UsageTracking {
  const { record, tenantOf, exclude = isHousekeepingPath, now = Date.now } = options
  const { batchSize, flushIntervalMs } = limits.parse(options)
  if (options.enabled === false) {
    return Object.assign(passThrough, { flush: async () => {}, close: async () => {} })
  }
  const report = (error: unknown) => {
    try {
      ;(options.onError ?? warn)(error)
    } catch (broken) {
      warn(broken)
    }
  }
  const journal =
    options.journal === undefined ? undefined : openJournal(options.journal, { onError: report })
  const run = randomUUID()
  let batches = 0
  const open = new Map<string, Batch>()
  let queue: Batch[] = [...(journal?.recovered ?? [])]
  let refused: Batch[] = []
  const refusedTenants = new Set<string>()
  let sending: Promise<void> | undefined
  let sweeping: Promise<void> = Promise.resolve()
  let closing: Promise<void> | undefined
  let scheduled = false
  let state: 'open' | 'released' | 'told' = 'open'
  let lastError: unknown

  const count = (c: Context) => {
    if (!c.finalized || c.res.status >= 500 || exclude(c.req.path)) return
    const tenantId = tenantOf(c)
    if (!tenantId) return
    if (state !== 'open') {
      if (state === 'released')
        report(new Error('API calls after close() of the usage tracking are not counted'))
      state = 'told'
      return
    }
    let batch = open.get(tenantId)
    if (batch === undefined) {
      batch = { idempotencyKey: `${run}-${++batches}`, tenantId, quantity: 0, lastCallMs: 0 }
      open.set(tenantId, batch)
    }
    batch.lastCallMs = now()
    batch.quantity += 1
    journal?.note(batch)
    // A refused tenant waits for the timer: an outage grows its batch, not the number of its batches.
    if (batch.quantity >= batchSize && !refusedTenants.has(tenantId)) {
      open.delete(tenantId)
      queue.push(batch)
      schedule()
    }
  }

  const attempt = async (group: Batch[]) => {
    try {
      await within(recordTimeoutMs, record(group.map(toRecord)))
    } catch (error) {
      lastError = error
      report(error)
      return false
    }
    journal?.forget(group.map((batch) => batch.idempotencyKey))
    return true
  }

  const drain = async () => {
    let groupSize = maxGroup
    let misses = 0
    while (queue.length > 0) {
      const group = queue.splice(0, groupSize)
      if (await attempt(group)) {
        misses = 0
        groupSize = Math.min(maxGroup, groupSize * 2)
      } else if (group.length > 1) {
        // Singly from here: a batch that is refused for good must not hold up the other tenants'.
        queue = group.concat(queue)
        groupSize = 1
      } else {
        refused.push(...group)
        misses += 1
        // An outage, then. The untried go first next time, so that three bad batches cannot hide them for ever.
        if (misses === 3) {
          refused = queue.concat(refused)
          queue = []
        }
      }
    }
    for (const batch of refused) refusedTenants.add(batch.tenantId)
    // In the same turn as the loop's last look at the queue, or a batch queued in between would wait.
    sending = undefined
  }

  const send = async () => {
    if (sending === undefined && queue.length > 0) sending = drain()
    await sending
  }

  const schedule = () => {
    if (scheduled) return
    scheduled = true
    setImmediate(() => {
      scheduled = false
      void send()
    })
  }

  const sweep = async () => {
    await sending
    queue = queue.concat([...open.values()], refused)
    open.clear()
    refused = []
    refusedTenants.clear()
    await send()
    if (refused.length === 0) return
    const calls = refused.reduce((sum, batch) => sum + batch.quantity, 0)
    const kept = journal === undefined ? 'in memory' : 'in the journal'
    throw new Error(`${calls} API calls could not be recorded; they are kept ${kept}`, { cause: lastError })
  }

  // One after the other: a second sweep would take the refused batches that the first is about to report.
  const flush = () => {
    const swept = sweeping.then(sweep)
    sweeping = swept.catch(() => {})
    return swept
  }

  const timer = setInterval(() => void flush().catch(() => {}), flushIntervalMs).unref()
  const flushAll = async () => {
    // Stragglers of a server that is stopping may be counted while a flush runs.
    const left = () => open.size + queue.length > 0 || sending !== undefined
    for (let pass = 0; pass === 0 || (left() && pass < 10); pass += 1) await flush()
  }
  const close = async () => {
    clearInterval(timer)
    try {
      // Where the counts are in the journal, the end of the process need not wait for a `record` that hangs.
      await (journal === undefined ? flushAll() : within(closeTimeoutMs, flushAll()))
    } finally {
      state = 'released'
      journal?.close()
    }
  }

  const middleware: MiddlewareHandler = async (c, next) => {
    await next()
    try {
      count(c)
    } catch (error) {
      report(error)
    }
  }
  if (queue.length > 0) schedule()
  return Object.assign(middleware, {
    flush: () => closing ?? flush(),
    close: () => {
      closing ??= close()
      return closing
    },
  })
}

/**
 * The tenant that a request claims to be for: query `tenant_id`, else header `X-Tenant-Id`, else path parameter
 * `tenant_id`, else the segment after `/tenant/`. Proof of nothing: as `tenantOf` it is for apps behind a gateway
 * that has checked the claim, since anybody else could put calls on another tenant's bill. Over 128 characters: null.
 */
export function claimedTenant(c: Context): string | null {
  const claim =
    c.req.query('tenant_id') ||
    c.req.header('X-Tenant-Id') ||
    c.req.param('tenant_id') ||
    decoded(/\/tenant\/([^/]+)/.exec(c.req.path)?.[1])
  return claim && claim.length <= 128 ? claim : null
}

/** Health checks, metrics and documentation: `/health`, `/healthz`, `/metrics`, `/docs`, what is below, `/openapi.json`. */
export function isHousekeepingPath(path: string): boolean {
  return /^\/(health(z|-?check)?|metrics|docs|openapi\.json)(\/|$)/.test(path)
}

/** Batches in one call of `record`, and how long it may take before it counts as failed. */
const maxGroup = 500
const recordTimeoutMs = 30_000
const closeTimeoutMs = 3_000

const limits = z.object({
  batchSize: z.int().positive().default(100),
  // setInterval takes anything above for 1 ms.
  flushIntervalMs: z
    .int()
    .positive()
    .max(2 ** 31 - 1)
    .default(60_000),
})

const passThrough: MiddlewareHandler = (_c, next) => next()

const warn = (error: unknown) => process.emitWarning(error instanceof Error ? error : String(error))

const toRecord = (batch: Batch): RecordedBatch => ({
  tenantId: batch.tenantId,
  quantity: batch.quantity,
  idempotencyKey: batch.idempotencyKey,
  occurredAt: new Date(batch.lastCallMs).toISOString(),
})

/** A `record` that never settles would end all recording. Its late success is harmless: the key is the same. */
async function within(timeoutMs: number, work: Promise<void>): Promise<void> {
  const error = new Error(`record() of the usage tracking has not settled within ${timeoutMs} ms`)
  let timer: NodeJS.Timeout | undefined
  // Not Promise.withResolvers: hosts may run on Node 20.
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(reject, timeoutMs, error)
  })
  try {
    await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

function decoded(segment: string | undefined): string | undefined {
  try {
    return segment && decodeURIComponent(segment)
  } catch {
    return undefined
  }
}
