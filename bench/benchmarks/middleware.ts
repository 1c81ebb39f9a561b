import { join } from 'node:path'
import { Hono } from 'hono'
import { usageTracking } from '../../src/usage/tracking.ts'
import { scratch } from '../children.ts'
import { type Benchmark, inTurns } from '../measure.ts'

const requests = Number(process.env.BENCH_CALLS ?? 200_000)

/** What counting its calls costs an API: a bare Hono GET with and without the middleware and its journal. */
export const middleware: Benchmark = async (progress) => {
  const title = 'A GET that is counted, with the journal, in one process'
  const compared = await inTurns(
    { Stepledger: counted, 'a GET that is not counted': () => answered(new Hono()) },
    progress,
  )
  const [bare] = compared.others
  const costUs = 1e6 / compared.ours - 1e6 / (bare?.value ?? Number.NaN)
  return [
    {
      title,
      unit: 'requests a second',
      better: 'more',
      ...compared,
      notes: [`it costs ${costUs.toFixed(1)} µs a request`],
    },
  ]
}

async function counted(): Promise<number> {
  const { directory, remove } = await scratch()
  const tracking = usageTracking({
    tenantOf: (c) => c.req.header('x-tenant'),
    record: async () => {},
    journal: join(directory, 'api-calls'),
  })
  const app = new Hono()
  app.use(tracking)
  const rate = await answered(app)
  await tracking.close()
  await remove()
  return rate
}

async function answered(app: Hono): Promise<number> {
  app.get('/api/things', (c) => c.json({ ok: true }))
  const request = new Request('http://localhost/api/things', { headers: { 'x-tenant': 'tenant_1' } })
  for (let index = 0; index < requests / 10; index += 1) await app.fetch(request)
  const start = performance.now()
  for (let index = 0; index < requests; index += 1) await app.fetch(request)
  return requests / ((performance.now() - start) / 1000)
}
