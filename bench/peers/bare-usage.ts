/** What a program reaches that only stores usage: Hono, zod, one durable insert a request. Nothing is derived of it. */
import { randomUUID } from 'node:crypto'
import Sqlite from 'better-sqlite3'
import { Hono } from 'hono'
import { z } from 'zod'
import { listen } from './front.ts'

const db = new Sqlite('usage.db')
db.pragma('journal_mode = WAL')
db.pragma('synchronous = FULL')
db.exec(
  'create table if not exists usage (record_id text primary key, tenant_id text, usage_type text, quantity integer, metadata text, recorded_at text)',
)
const insert = db.prepare('insert into usage values (?, ?, ?, ?, ?, ?)')
const record = z.strictObject({
  tenant_id: z.string().min(1).max(255),
  usage_type: z.enum(['agent', 'user', 'case', 'event_ingestion', 'api_call']),
  quantity: z.int().positive(),
  metadata: z.record(z.string(), z.unknown()).default({}),
})
const batch = z.strictObject({ records: z.array(record).min(1).max(1000) })

const store = db.transaction((records: z.infer<typeof record>[]) =>
  records.map((one) => {
    const record_id = randomUUID()
    insert.run(
      record_id,
      one.tenant_id,
      one.usage_type,
      one.quantity,
      JSON.stringify(one.metadata),
      new Date().toISOString(),
    )
    return { record_id, ...one }
  }),
)

const app = new Hono()
app.post('/api/v1/billing/usage', async (c) => {
  const parsed = record.safeParse(await c.req.json())
  if (!parsed.success) return c.json({ success: false, error: parsed.error.issues }, 422)
  return c.json({ success: true, data: store.immediate([parsed.data])[0] })
})
app.post('/api/v1/billing/usage/batch', async (c) => {
  const parsed = batch.safeParse(await c.req.json())
  if (!parsed.success) return c.json({ success: false, error: parsed.error.issues }, 422)
  return c.json({ success: true, data: { records: store.immediate(parsed.data.records) } })
})
listen(app)
