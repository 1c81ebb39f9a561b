import { createHmac } from 'node:crypto'
import type Stripe from 'stripe'
import type { Store } from '../objects/store.ts'
import type { EnterDeliveries } from '../objects/turn.ts'

export type Webhooks = {
  enter: EnterDeliveries
  /** Delivers in the background what is due; to be called after a commit. */
  wake(): void
  /** Delivers until nothing is due by the clock. */
  deliverDue(): Promise<void>
  /** When the next delivery is due, unix seconds, rounded up. */
  nextDue(): number | null
  /** Deliveries of an event that have not had a 2xx yet. */
  pending(eventId: string): number
  close(): Promise<void>
}

const builtInId = 'we_sandbox'
const timeoutMs = 10_000
const giveUpMs = 3 * 24 * 60 * 60 * 1000
const backoffMs = [1, 5, 30, 120, 600, 1800, 3600, 3 * 3600].map((seconds) => seconds * 1000)
/** Several at a time: order is not promised, and one slow endpoint must not hold up another. */
const atOnce = 4
/** The clock may be moved by hand, so a sleeping timer looks again this often. */
const longestSleepMs = 1000

export function createWebhooks(options: {
  store: Store
  clock: () => number
  builtIn?: Endpoint | undefined
}): Webhooks {
  const { store, clock, builtIn } = options
  const insert = store.db.prepare(
    'INSERT INTO deliveries (event_id, endpoint_id, created_at, due_at) VALUES (?, ?, ?, ?)',
  )
  const due = store.db.prepare<[number], Delivery>(
    'SELECT * FROM deliveries WHERE done_at IS NULL AND due_at <= ? ORDER BY due_at, seq LIMIT 50',
  )
  const nextDue = store.db
    .prepare<[], number | null>('SELECT min(due_at) FROM deliveries WHERE done_at IS NULL')
    .pluck()
  const finish = store.db.prepare(
    'UPDATE deliveries SET done_at = ?, delivered = ?, attempts = attempts + 1 WHERE seq = ?',
  )
  const postpone = store.db.prepare('UPDATE deliveries SET due_at = ?, attempts = attempts + 1 WHERE seq = ?')
  const countPending = store.db
    .prepare('SELECT count(*) FROM deliveries WHERE event_id = ? AND delivered = 0')
    .pluck()
  const closing = new AbortController()
  const underWay = new Map<number, Promise<void>>()
  /** Read ahead of what is due. */
  let queue: Delivery[] = []
  let timer: NodeJS.Timeout | undefined

  const endpointOf = (id: string) => {
    if (id === builtInId) return builtIn
    const { url, status } = store.find('webhook_endpoint', id) ?? {}
    const { secret } = store.hidden<{ secret: string }>(id)
    return url !== undefined && secret !== undefined && status === 'enabled' ? { url, secret } : undefined
  }

  const attempt = async (delivery: Delivery): Promise<void> => {
    const endpoint = endpointOf(delivery.endpoint_id)
    const event = store.find('event', delivery.event_id)
    const delivered = !endpoint || !event || (await post(endpoint, event, clock(), closing.signal))
    // The sandbox was closed meanwhile: the row is still due, and the next start delivers it.
    if (closing.signal.aborted) return
    const retryAt = clock() + (backoffMs[delivery.attempts] ?? 6 * 3600 * 1000)
    if (delivered || retryAt > delivery.created_at + giveUpMs)
      finish.run(clock(), Number(delivered), delivery.seq)
    else postpone.run(retryAt, delivery.seq)
  }

  const startDue = () => {
    while (underWay.size < atOnce) {
      if (queue.length === 0) queue = due.all(clock()).filter(({ seq }) => !underWay.has(seq))
      const delivery = queue.shift()
      if (delivery === undefined) return
      const work = attempt(delivery).finally(() => {
        underWay.delete(delivery.seq)
        wake()
      })
      underWay.set(delivery.seq, work)
    }
  }

  const wake = () => {
    if (closing.signal.aborted) return
    clearTimeout(timer)
    startDue()
    // Those under way wake the loop when they end.
    if (underWay.size > 0) return
    const next = nextDue.get() ?? null
    if (next === null) return
    timer = setTimeout(wake, Math.max(1, Math.min(next - clock(), longestSleepMs)))
    timer.unref()
  }

  return {
    enter: (event) => {
      const endpoints = store
        .all('webhook_endpoint', { status: 'enabled' })
        .filter((each) => each.enabled_events.some((type) => type === '*' || type === event.type))
        .map((each) => each.id)
      if (builtIn) endpoints.push(builtInId)
      for (const id of endpoints) insert.run(event.id, id, clock(), clock())
      return endpoints.length
    },
    wake,
    deliverDue: async () => {
      for (;;) {
        if (!closing.signal.aborted) startDue()
        if (underWay.size === 0) return
        await Promise.race(underWay.values())
      }
    },
    nextDue: () => {
      const next = nextDue.get() ?? null
      return next === null ? null : Math.ceil(next / 1000)
    },
    pending: (eventId) => countPending.get(eventId) as number,
    close: async () => {
      closing.abort()
      clearTimeout(timer)
      await Promise.allSettled(underWay.values())
    },
  }
}

/** The `Stripe-Signature` header of a payload. */
export function sign(payload: string, secret: string, nowMs: number): string {
  const timestamp = Math.floor(nowMs / 1000)
  const signature = createHmac('sha256', secret).update(`${timestamp}.${payload}`).digest('hex')
  return `t=${timestamp},v1=${signature}`
}

type Endpoint = { url: string | Promise<string>; secret: string }
type Delivery = { seq: number; event_id: string; endpoint_id: string; attempts: number; created_at: number }

async function post(
  endpoint: Endpoint,
  event: Stripe.Event,
  nowMs: number,
  closing: AbortSignal,
): Promise<boolean> {
  const payload = JSON.stringify(event, null, 2)
  try {
    const response = await fetch(await endpoint.url, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json; charset=utf-8',
        'User-Agent': 'Stripe/1.0 (+https://stripe.com/docs/webhooks)',
        'Stripe-Signature': sign(payload, endpoint.secret, nowMs),
      },
      body: payload,
      redirect: 'manual',
      signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), closing]),
    })
    await response.arrayBuffer()
    return response.ok
  } catch {
    return false
  }
}
