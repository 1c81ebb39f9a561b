import { createHmac } from 'node:crypto'
import { type Server, scratch, startPeer, startService, webhookSecret } from '../children.ts'
import { clientOf, openLoop } from '../load.ts'
import { type Benchmark, inTurns, percentile, readable } from '../measure.ts'
import { addTenants } from './usage.ts'

const perSecond = 500
const count = Number(process.env.BENCH_WEBHOOKS ?? 5_000)

/** Signed webhooks of invoices, 500 a second whether they are answered or not. The 99th percentile of their answers. */
export const webhooks: Benchmark = async (progress) => {
  const stripe = await startPeer('canned-stripe.ts', '.')
  const notes: string[] = []
  const invoice = (await (await fetch(`${stripe.url}/v1/invoices/in_template`)).json()) as object
  try {
    const measure = (name: string, start: (directory: string) => Promise<Server>) => async () => {
      const latencies = await delivered(start, invoice)
      notes.push(`${name}: half within ${readable(percentile(latencies, 0.5))} ms`)
      return percentile(latencies, 0.99)
    }
    const contestants = {
      Stepledger: measure('Stepledger', (directory) => startService(directory, stripe.url)),
      'verify-only route': measure('verify-only route', (directory) =>
        startPeer('verify-only.ts', directory, { SECRET: webhookSecret }),
      ),
    }
    const title = `Signed webhooks, ${perSecond} a second, open loop, SQLite: 99th percentile`
    const compared = await inTurns(contestants, progress)
    return [{ title, unit: 'ms', better: 'less', ...compared, notes: notes.slice(-2) }]
  } finally {
    await stripe.stop()
  }
}

async function delivered(start: (directory: string) => Promise<Server>, invoice: object): Promise<number[]> {
  const { directory, remove } = await scratch()
  const server = await start(directory)
  const client = clientOf(server.url, 64)
  const customers = await addTenants(client)
  let sent = 0
  const send = (index: number) => {
    sent += 1
    const payload = JSON.stringify(finalized(invoice, sent, customers[index % 64] ?? 'cus_nobody'))
    return client.post('/billing/webhooks', payload, { 'stripe-signature': signed(payload) })
  }
  await openLoop(perSecond, perSecond, send)
  const latencies = await openLoop(perSecond, count, send)
  await client.close()
  await server.stop()
  await remove()
  return latencies
}

/** An invoice that Stripe has made final, each another one, of one of 64 tenants. */
function finalized(invoice: object, number: number, customer: string) {
  const created = Math.floor(Date.now() / 1000)
  return {
    id: `evt_bench_${number}`,
    object: 'event',
    api_version: '2026-10-28.endive',
    created,
    livemode: false,
    pending_webhooks: 1,
    request: { id: null, idempotency_key: null },
    type: 'invoice.finalized',
    data: { object: { ...invoice, id: `in_bench_${number}`, customer, created } },
  }
}

function signed(payload: string): string {
  const at = Math.floor(Date.now() / 1000)
  const signature = createHmac('sha256', webhookSecret).update(`${at}.${payload}`).digest('hex')
  return `t=${at},v1=${signature}`
}
