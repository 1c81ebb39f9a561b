import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Sqlite from 'better-sqlite3'
import { scratch, startPeer, startService } from '../children.ts'
import { type Client, clientOf } from '../load.ts'
import { type Benchmark, type Figure, inTurns, median, readable } from '../measure.ts'
import { openStepledger, recorded } from './usage-facts.ts'

/** Of the tenant with a long past; the other one has a hundred. */
const records = Number(process.env.BENCH_PAST ?? 1_000_000)
const aTurn = 1_000
const launcher = fileURLToPath(new URL('../../src/stepledger.js', import.meta.url))

/** A long past: what a tenant with a million records waits for, and how fast a log of them is folded again. */
export const past: Benchmark = async (progress) => {
  const stripe = await startPeer('canned-stripe.ts', '.')
  const { directory, remove } = await scratch()
  try {
    const first = await startService(directory, stripe.url)
    const client = clientOf(first.url, 1)
    for (const tenant of ['tenant_0', 'tenant_1']) await subscribe(client, tenant)
    await client.close()
    await first.stop()
    const file = join(directory, 'forensics.db')
    progress(`recording ${records} facts`)
    await record(`file:${file}`, 0, records)
    await record(`file:${file}`, 1, 100)
    const reads = await readTimes(directory, stripe.url, progress)
    return [...reads, await replayed(file, directory, progress)]
  } finally {
    await remove()
    await stripe.stop()
  }
}

async function subscribe(client: Client, tenant_id: string): Promise<void> {
  const customer = { tenant_id, email: `owner@${tenant_id}.example`.replace('_', '-'), name: tenant_id }
  const made = await client.post('/billing/customers', customer)
  const { customer_id } = made.body.data
  const subscription = { tenant_id, customer_id, price_id: 'price_enterprise_monthly', trial_period_days: 14 }
  const subscribed = await client.post('/billing/subscriptions', subscription)
  for (const { status, body } of [made, subscribed])
    if (status !== 200 && status !== 201) throw new Error(`${status} ${JSON.stringify(body)}`)
}

async function record(url: string, tenant: number, count: number): Promise<void> {
  const { recordAll, close } = await openStepledger(url)
  for (let from = 0; from < count; from += aTurn)
    await recordAll(Array.from({ length: Math.min(aTurn, count - from) }, () => recorded(tenant)))
  await close()
}

async function readTimes(
  directory: string,
  stripeUrl: string,
  progress: (text: string) => void,
): Promise<Figure[]> {
  const server = await startService(directory, stripeUrl)
  const client = clientOf(server.url, 1)
  const times = (path: string) => async () => {
    const taken: number[] = []
    for (let time = 0; time < 50; time += 1) {
      const start = performance.now()
      const { status, body } = await client.get(path)
      if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`)
      taken.push(performance.now() - start)
    }
    return median(taken)
  }
  const month = new Date().toISOString().slice(0, 7)
  const period = `period_start=${month}-01T00:00:00Z&period_end=${month}-28T23:59:59Z`
  const figures: Figure[] = []
  for (const [name, path] of [
    ['Status', (tenant: string) => `/billing/status/tenant/${tenant}`],
    ['Summary', (tenant: string) => `/billing/usage/tenant/${tenant}/summary?${period}`],
  ] as const)
    figures.push({
      title: `${name} of a tenant with ${readable(records)} records`,
      unit: 'ms',
      better: 'less',
      ...(await inTurns(
        { Stepledger: times(path('tenant_0')), 'the same with 100 records': times(path('tenant_1')) },
        progress,
      )),
    })
  await client.close()
  await server.stop()
  return figures
}

async function replayed(file: string, directory: string, progress: (text: string) => void): Promise<Figure> {
  let peakMb = 0
  const contestants = {
    Stepledger: async () => {
      const { factsPerSecond, megabytes } = await replay(file, directory)
      peakMb = Math.max(peakMb, megabytes)
      return factsPerSecond
    },
    'reading and parsing the log': async () => readAndParse(file),
  }
  const compared = await inTurns(contestants, progress)
  const notes = [`at most ${readable(peakMb)} MB`]
  return {
    title: `Replay of ${readable(records)} facts, SQLite`,
    unit: 'facts a second',
    better: 'more',
    ...compared,
    notes,
  }
}

async function replay(file: string, directory: string) {
  const child = spawn(process.execPath, [launcher, 'replay', '--json', '--database', `file:${file}`], {
    cwd: directory,
    env: { PATH: process.env.PATH ?? '', PERSONAL_DATA_KEY: Buffer.alloc(32, 7).toString('base64') },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.on('data', (chunk) => {
    text += chunk
  })
  let megabytes = 0
  const looking = setInterval(() => {
    megabytes = Math.max(megabytes, peakMegabytes(child.pid))
  }, 100)
  await once(child, 'close')
  clearInterval(looking)
  const { ok, facts_per_second } = JSON.parse(text)
  if (ok !== true) throw new Error(`the replay found differences: ${text}`)
  return { factsPerSecond: Number(facts_per_second), megabytes }
}

/** What a process has had in memory at most (Linux; elsewhere not known). */
function peakMegabytes(pid: number | undefined): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
  } catch {
    return 0
  }
}

function readAndParse(file: string): number {
  const db = new Sqlite(file, { readonly: true })
  const start = performance.now()
  let count = 0
  for (const row of db
    .prepare(
      'select position, type, tenant_id, data, occurred_at, recorded_at from billing_events order by position',
    )
    .iterate()) {
    JSON.parse((row as { data: string }).data)
    count += 1
  }
  db.close()
  return count / ((performance.now() - start) / 1000)
}
