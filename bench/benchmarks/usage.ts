import { type Server, scratch, startPeer, startService } from '../children.ts'
import { type Answer, type Client, clientOf } from '../load.ts'
import { type Benchmark, inTurns, perSecond } from '../measure.ts'

const singles = Number(process.env.BENCH_USAGE ?? 4_000)
const ofABatch = 100

type Start = (directory: string) => Promise<Server>

/** Usage over HTTP: one record a request, and a hundred with metadata. */
export const usage: Benchmark = async (progress) => {
  const stripe = await startPeer('canned-stripe.ts', '.')
  const ours: Start = (directory) => startService(directory, stripe.url)
  const bare: Start = (directory) => startPeer('bare-usage.ts', directory)
  const metadata = { case_id: 'IR-2024-001', region: 'eu-central', analyst: 'Ada Lovelace' }
  const record = (index: number) => ({
    tenant_id: `tenant_${index % 64}`,
    usage_type: 'case',
    quantity: 1 + (index % 9),
  })
  const single = (start: Start) => () =>
    measured(start, 64, singles, (client, index) => client.post('/billing/usage', record(index)))
  const batches = (start: Start) => async () =>
    ofABatch *
    (await measured(start, 16, Math.ceil(singles / 20), (client, index) =>
      client.post('/billing/usage/batch', {
        records: Array.from({ length: ofABatch }, (_, place) => ({
          ...record(index),
          quantity: place + 1,
          metadata,
        })),
      }),
    ))
  // The same bare route, of which a batch is beside the requests, not the records.
  const requests = (start: Start) => () =>
    measured(start, 64, singles, (client, index) => client.post('/billing/usage', record(index)))
  try {
    return [
      {
        title: 'Usage over HTTP, single records, 64 clients, SQLite',
        unit: 'records a second',
        better: 'more',
        ...(await inTurns(
          { Stepledger: single(ours), 'bare route, one durable insert': single(bare) },
          progress,
        )),
      },
      {
        title: 'Usage over HTTP, batches of 100 with metadata, 16 clients, SQLite',
        unit: 'records a second',
        better: 'more',
        ...(await inTurns(
          {
            Stepledger: batches(ours),
            'bare route, one insert a request': requests(bare),
            'bare route, batches of 100': batches(bare),
          },
          progress,
        )),
      },
    ]
  } finally {
    await stripe.stop()
  }
}

async function measured(
  start: Start,
  clients: number,
  count: number,
  send: (client: Client, index: number) => Promise<Answer>,
): Promise<number> {
  const { directory, remove } = await scratch()
  const server = await start(directory)
  const client = clientOf(server.url, clients)
  await addTenants(client)
  const ok = async (index: number) => {
    const { status, body } = await send(client, index)
    if (status !== 200 && status !== 201) throw new Error(`${status} ${JSON.stringify(body)}`)
  }
  await perSecond(clients, clients, ok)
  const rate = await perSecond(count, clients, ok)
  await client.close()
  await server.stop()
  await remove()
  return rate
}

/** Sixty-four tenants, as their customers' ids at Stripe. A bare route knows none, and says so with 404. */
export async function addTenants(client: Client): Promise<string[]> {
  const ids: string[] = []
  for (let index = 0; index < 64; index += 1) {
    const tenant = {
      tenant_id: `tenant_${index}`,
      email: `owner@tenant-${index}.example`,
      name: `Tenant ${index}`,
    }
    const { status, body } = await client.post('/billing/customers', tenant)
    if (status === 404) return ids
    if (status !== 200 && status !== 201) throw new Error(`${status} ${JSON.stringify(body)}`)
    ids.push(String(body.data.customer_id))
  }
  return ids
}
