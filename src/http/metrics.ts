import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { AppContext } from '../context.ts'
import { tableGauges } from '../ops/table-gauges.ts'

export type Metrics = {
  observe(request: { method: string; route: string; status: number; durationMs: number }): void
  /** In Prometheus' text format, the tables' counts as of now. */
  scrape(): Promise<{ text: string; contentType: string }>
}

/** A registry of its own per app, so that two apps in one process do not add up. */
export function createMetrics({ db, log, now, stripe }: AppContext): Metrics {
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
    help: 'Calls to Stripe in the outbox, by status',
    labelNames: ['status'],
    registers,
  })
  const timers = new Gauge({
    name: 'stepledger_timers',
    help: 'Pending effects that wait for their time alone, such as the end of a session',
    registers,
  })
  const retrying = new Gauge({
    name: 'stepledger_effects_retrying',
    help: 'Pending calls to Stripe that have failed at least once, by kind',
    labelNames: ['kind'],
    registers,
  })
  const oldest = new Gauge({
    name: 'stepledger_effects_retrying_oldest_seconds',
    help: 'How long ago the oldest call that is being retried was asked for; 0: none is',
    registers,
  })
  new Counter({
    name: 'stepledger_stripe_requests_total',
    help: 'Requests to Stripe of this instance, by outcome: ok; declined, rejected, missing (answers); unknown, rate_limited, unauthorized (an outage)',
    labelNames: ['outcome'],
    registers,
    collect() {
      this.reset()
      for (const [outcome, count] of Object.entries(stripe?.tally.byOutcome() ?? {}))
        this.inc({ outcome }, count)
    },
  })
  const webhooks = new Gauge({
    name: 'stepledger_webhooks',
    help: 'Stripe events received, by what became of them',
    labelNames: ['disposition'],
    registers,
  })
  const tenants = new Gauge({
    name: 'stepledger_tenants',
    help: 'Tenants that have ever had a subscription, by what they may use: full, grace, suspended, none',
    labelNames: ['access'],
    registers,
  })
  const delinquent = new Gauge({
    name: 'stepledger_delinquent_cents',
    help: 'What is left to pay of open invoices whose payment has failed, in minor units of the currency',
    labelNames: ['currency'],
    registers,
  })

  const stuckDues = new Gauge({
    name: 'stepledger_dues_stuck',
    help: 'Amounts of closed months that cannot be charged: held (more than one amount may be), unpriced (in another currency than the rates)',
    labelNames: ['state'],
    registers,
  })
  const missed = new Gauge({
    name: 'stepledger_missed',
    help: 'Since ever: lines that Stripe has refused, drafts of renewals that were final before their lines were on them',
    labelNames: ['what'],
    registers,
  })
  const seconds = new Gauge({
    name: 'stepledger_second_subscriptions',
    help: 'Live subscriptions beside the first one of their tenant: nothing is metered for them',
    registers,
  })
  const failing = new Gauge({
    name: 'stepledger_own_invoices_failing',
    help: 'Open invoices of our own whose payment has failed',
    registers,
  })

  return {
    observe({ method, route, status, durationMs }) {
      requests.inc({ method, route, status })
      duration.observe({ method, route }, durationMs / 1000)
    },
    async scrape() {
      const single = [position, timers, oldest, seconds, failing]
      const ofTables = [...single, effects, retrying, webhooks, stuckDues, missed, tenants, delinquent]
      for (const gauge of ofTables) gauge.reset()
      try {
        const gauges = await tableGauges(db.reader, now())
        const { since, byKind } = gauges.retrying
        position.set(gauges.logPosition)
        timers.set(gauges.timers)
        oldest.set(since === null ? 0 : Math.max(0, (now().getTime() - Date.parse(since)) / 1000))
        seconds.set(gauges.secondSubscriptions)
        failing.set(gauges.failingInvoices)
        for (const [state, count] of Object.entries(gauges.stuckDues)) stuckDues.set({ state }, count)
        for (const [what, count] of Object.entries(gauges.missed)) missed.set({ what }, count)
        for (const [kind, count] of Object.entries(byKind)) retrying.set({ kind }, count)
        for (const [status, count] of Object.entries(gauges.effectsByStatus)) effects.set({ status }, count)
        for (const [disposition, count] of Object.entries(gauges.webhooksByDisposition))
          webhooks.set({ disposition }, count)
        for (const [access, count] of Object.entries(gauges.tenantsByAccess)) tenants.set({ access }, count)
        for (const [currency, sum] of Object.entries(gauges.delinquentCents))
          delinquent.set({ currency }, sum)
      } catch (error) {
        // The requests' own numbers are what explains a database that is away.
        log.warn({ err: error }, 'the tables could not be counted for /metrics')
        for (const gauge of single) gauge.remove()
      }
      return { text: await register.metrics(), contentType: register.contentType }
    },
  }
}
