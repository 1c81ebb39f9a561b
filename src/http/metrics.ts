import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { AppContext } from '../context.ts'
import { tableGauges } from '../ops/table-gauges.ts'

export type Metrics = {
  observe(request: { method: string; route: string; status: number; durationMs: number }): void
  /** In Prometheus' text format, the tables' counts as of now. */
  scrape(): Promise<{ text: string; contentType: string }>
}

/** A registry of its own per app, so that two apps in one process do not add up. */
export function createMetrics({ db, log }: AppContext): Metrics {
  const register = new Registry()
  const registers = [register]
  const requests = new Counter({
    name: 'http_requests_total',
    help: 'Requests answered',
    labelNames: ['method', 'route', 'status'],
    registers,
  })
  const duration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from the request to its reply',
    labelNames: ['method', 'route'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  })
  const position = new Gauge({
    name: 'stepledger_log_position',
    help: 'Position of the last fact in the log',
    registers,
  })
  const effects = new Gauge({
    name: 'stepledger_effects',
    help: 'Effects in the outbox',
    labelNames: ['status'],
    registers,
  })
  const webhooks = new Gauge({
    name: 'stepledger_webhooks',
    help: 'Stripe events received, by what became of them',
    labelNames: ['disposition'],
    registers,
  })

  return {
    observe({ method, route, status, durationMs }) {
      requests.inc({ method, route, status })
      duration.observe({ method, route }, durationMs / 1000)
    },
    async scrape() {
      for (const gauge of [position, effects, webhooks]) gauge.reset()
      try {
        const now = await tableGauges(db.reader)
        position.set(now.logPosition)
        for (const [status, count] of Object.entries(now.effectsByStatus)) effects.set({ status }, count)
        for (const [disposition, count] of Object.entries(now.webhooksByDisposition))
          webhooks.set({ disposition }, count)
      } catch (error) {
        // The requests' own numbers are what explains a database that is away.
        log.warn({ err: error }, 'the tables could not be counted for /metrics')
        position.remove()
      }
      return { text: await register.metrics(), contentType: register.contentType }
    },
  }
}
