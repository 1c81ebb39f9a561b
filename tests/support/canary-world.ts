import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { sql } from 'kysely'
import Stripe from 'stripe'
import { expect, vi } from 'vitest'
import { type Reader, tableNames } from '../../src/db/tables.ts'
import { timerKinds } from '../../src/effects/kinds.ts'
import { readFacts } from '../../src/log/read.ts'
import { openFact } from '../../src/log/subject.ts'
import { sign } from '../../src/stripe-sandbox/delivery/webhooks.ts'
import { startSandbox } from '../../src/stripe-sandbox/sandbox.ts'
import type { Canaries } from './canaries.ts'
import { type TestDatabase, testKey } from './databases.ts'
import { startHoldingProxy } from './holding-proxy.ts'
import { adminKey, type Reply, requestsAt } from './requests.ts'
import { spawnService } from './service-process.ts'
import { eventOf, signingSecret } from './webhooks.ts'

export const origin = 'http://localhost:8080'

/** The only places that have what persons gave, or Stripe says of them, in the clear. */
export const inTheClear = [
  ...['billing_customers.email', 'billing_customers.name', 'billing_customers.phone'],
  ...['people.email', 'people.name', 'people.company_name', 'people.phone'],
  ...['billing_usage_records.metadata', 'billing_usage_records.idempotency_key'],
  ...['billing_invoices.hosted_invoice_url', 'billing_payment_methods.last4'],
]

/** A canary is planted wherever a person or Stripe writes; here is all that this can end up in. */
export type CanaryWorld = Awaited<ReturnType<typeof canaryWorld>>

/**
 * A look at everything keeps this process busy for longer than the service keeps an idle connection, the sandbox's among
 * them. What it has closed meanwhile is read, and used no more, when the event loop has been round once.
 */
async function noticeClosed(): Promise<void> {
  await setImmediate()
  await setImmediate()
}

/** The service in a process of its own, on this database, with a sandbox whose files lie elsewhere. */
export async function canaryWorld(db: TestDatabase, canary: Canaries) {
  const beside = await mkdtemp(join(tmpdir(), 'canaries-'))
  const url = Promise.withResolvers<string>()
  const sandbox = await startSandbox({
    file: join(beside, 'sandbox.db'),
    webhook: { url: url.promise, secret: signingSecret },
  })
  const proxy = await startHoldingProxy(() => sandbox.url)
  const service = spawnService({
    DATABASE_URL: db.url,
    PERSONAL_DATA_KEY: testKey.toString('base64'),
    ADMIN_API_KEY: adminKey,
    LOG_LEVEL: 'debug',
    PORT: '0',
    PUBLIC_URL: origin,
    STRIPE_SECRET_KEY: 'sk_test_of_the_tests',
    STRIPE_API_BASE: proxy.url,
    STRIPE_WEBHOOK_SECRET: signingSecret,
  })
  let stopped = false
  const stop = async () => {
    if (stopped) return
    stopped = true
    service.child.kill('SIGTERM')
    await service.ended
  }
  const close = async () => {
    url.resolve('http://127.0.0.1:9')
    await stop()
    await proxy.close()
    await sandbox.close()
    await db.close()
    await rm(beside, { recursive: true, force: true })
  }
  await service.listening
  const base: string = JSON.parse(service.stdout().split('\n')[0] ?? '').url
  url.resolve(`${base}/api/v1/billing/webhooks`)

  const asked: { path: string; body: object; headers: Record<string, string> }[] = []
  const leakyReplies: string[] = []
  /** What a refusal says to the caller: what the caller, or Stripe, has just said, and no e-mail or phone at all. */
  const judged = (reply: Reply, sent: string): Reply => {
    if (reply.status >= 300) {
      const own = canary.in(sent)
      const foreign = canary
        .in(reply.text)
        .filter(
          (each) => !(own.includes(each) || /^what Stripe quotes/.test(each)) || /email|phone/.test(each),
        )
      if (foreign.length > 0) leakyReplies.push(`${reply.status} ${sent.split(' ')[0]}: ${foreign}`)
    }
    return reply
  }
  const request = requestsAt(base)
  const send = async (
    method: string,
    path: string,
    body?: object | string,
    headers: Record<string, string> = {},
  ) => {
    const text = typeof body === 'object' ? JSON.stringify(body) : body
    await noticeClosed()
    const reply = await request(method, path, text, { headers: { Connection: 'close', ...headers } })
    return judged(reply, `${path} ${text} ${JSON.stringify(headers)}`)
  }

  const places = new Map<string, Set<string>>()
  const columns = new Set<string>()
  /** Notes what stands where now. Answers what has ever stood where it may. */
  const look = async (): Promise<Set<string>> => {
    for (const table of tableNames) {
      const rows = await (db.reader as Reader)
        .selectFrom(table as 'billing_events')
        .selectAll()
        .execute()
      for (const row of rows)
        for (const [column, value] of Object.entries(row)) {
          const place = `${table}.${column}`
          columns.add(place)
          const found = canary.in(String(value))
          const known = places.get(place) ?? new Set()
          for (const each of found) known.add(each)
          if (known.size > 0) places.set(place, known)
        }
    }
    return new Set(inTheClear.flatMap((place) => [...(places.get(place) ?? [])]))
  }

  return {
    canary,
    proxy,
    stripe: new Stripe('sk_test_of_the_tests', {
      host: '127.0.0.1',
      port: sandbox.port,
      protocol: 'http',
      telemetry: false,
    }),
    sessions: [] as string[],
    /** Everything that was asked for `twice`. */
    asked,
    leakyReplies,
    places,
    hasColumn: (place: string) => columns.has(place),
    look,
    reader: db.reader,
    /** What PostgreSQL does by itself from time to time. */
    async sample(): Promise<void> {
      if (db.dialect === 'postgres') await sql`analyze`.execute(db.reader)
    },
    everyColumn: () => everyColumn(db),
    readable: () => readable(db, canary),
    stop,
    close,
    output: () => service.stdout() + service.stderr(),
    send,
    post: (path: string, body?: object | string, headers?: Record<string, string>) =>
      send('POST', path, body, headers),
    async metrics(): Promise<string> {
      await noticeClosed()
      return (await fetch(`${base}/metrics`, { headers: { Connection: 'close' } })).text()
    },
    async read(path: string): Promise<string> {
      return JSON.stringify((await send('GET', path)).body)
    },
    /** Once more under the same header, so that the reply is stored and read again. */
    async twice(path: string, body: object, headers: Record<string, string> = {}): Promise<Reply['body']> {
      const key = { 'Idempotency-Key': canary.text(`the Idempotency-Key of ${path}`), ...headers }
      const first = await send('POST', path, body, key)
      asked.push({ path, body, headers: key })
      expect(first.status, `${path}: ${JSON.stringify(first.body)}`).toBe(200)
      expect((await send('POST', path, body, key)).body.data).toEqual(first.body.data)
      expect((await send('POST', path, { ...body, other: 1 }, key)).status).toBe(409)
      return first.body.data
    },
    async deliver(type: string, object: object, more: object = {}) {
      const event = eventOf(type, object, { created: Math.floor(Date.now() / 1000), ...more })
      const payload = JSON.stringify(event)
      const reply = await send('POST', '/billing/webhooks', payload, {
        'Stripe-Signature': sign(payload, signingSecret, Date.now()),
      })
      expect(reply, `${type} ${JSON.stringify(reply.body)}`).toMatchObject({ status: 200 })
      return event
    },
    dispositions: async () => {
      const rows = await db.reader.selectFrom('stripe_events').select('disposition').distinct().execute()
      return rows.map(({ disposition }) => disposition)
    },
    async settled(): Promise<void> {
      await sandbox.deliverDue()
      await vi.waitFor(
        async () => {
          const pending = await db.reader
            .selectFrom('effects')
            .select(['effect_id', 'last_error'])
            .where('status', '=', 'pending')
            .where('kind', 'not in', timerKinds)
            .execute()
          expect(pending).toEqual([])
        },
        { timeout: 15_000 },
      )
      await look()
    },
    /**
     * The files of a SQLite database that are the service's own, byte for byte: the database with its log of writes, the
     * journal of usage, the lock. The key of personal data is not among them here, and the sandbox's lies elsewhere.
     */
    async files(): Promise<Map<string, string>> {
      if (db.dialect === 'postgres') return new Map()
      const directory = join(db.url.slice('file:'.length), '..')
      const names = await readdir(directory)
      for (const part of ['test.db', 'api-calls']) expect(names.join(' ')).toContain(part)
      return new Map(
        await Promise.all(
          names.map(async (file) => [file, await readFile(join(directory, file), 'latin1')] as const),
        ),
      )
    },
  }
}

/** Every column of every table that the database itself has, as text, and what PostgreSQL has sampled of them. */
async function everyColumn(db: TestDatabase): Promise<Map<string, string>> {
  const { rows: tables } = await (db.dialect === 'sqlite'
    ? sql<{ name: string }>`select name from sqlite_schema where type = 'table'`
    : sql<{ name: string }>`
        select table_name as name from information_schema.tables where table_schema = current_schema()
        union all select 'pg_stats'`
  ).execute(db.reader)
  const columns = new Map<string, string>()
  for (const { name } of tables) {
    const { rows } = await sql<Record<string, unknown>>`select * from ${sql.table(name)}`.execute(db.reader)
    for (const row of rows)
      for (const [column, value] of Object.entries(row)) {
        const place = `${name}.${column}`
        columns.set(place, `${columns.get(place) ?? ''}\n${value}`)
      }
  }
  return columns
}

/** Where the canaries were planted that the log still gives to who has the service's key. */
async function readable({ reader }: TestDatabase, canary: Canaries): Promise<string[]> {
  const found = new Set<string>()
  for await (const fact of readFacts(reader))
    for (const each of canary.in(JSON.stringify(await openFact(reader, fact)))) found.add(each)
  return [...found]
}
