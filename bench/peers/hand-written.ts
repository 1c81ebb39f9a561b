/**
 * The route as a careful hand writes it: one row a step, in which its idempotency key stands before Stripe is called and the
 * answer after. No log, no projections, no webhooks, no keys of callers.
 */
import { randomUUID } from 'node:crypto'
import Sqlite from 'better-sqlite3'
import { askStripe, assertNext, newTenant, type Session, type StepName, serveSteps } from './front.ts'

const db = new Sqlite('hand-written.db')
db.pragma('journal_mode = WAL')
db.pragma('synchronous = FULL')
db.exec(
  `create table if not exists steps (session_id text, step text, key text, input text, made text, primary key (session_id, step))`,
)
const rows = db.prepare('select step, key, input, made from steps where session_id = ? order by rowid')
const ask = db.prepare('insert into steps (session_id, step, key, input, made) values (?, ?, ?, ?, ?)')
const answer = db.prepare('update steps set made = ? where session_id = ? and step = ?')

type Row = { step: StepName; key: string; input: string; made: string | null }

serveSteps(async (step, sessionId, input) => {
  const before = rows.all(sessionId) as Row[]
  const own = before.find((row) => row.step === step)
  if (own?.made) return JSON.parse(own.made)
  if (own === undefined) assertNext(step, before.filter(({ made }) => made !== null).at(-1)?.step)
  const session: Session = Object.assign(
    {},
    ...before.flatMap((row) => [JSON.parse(row.input), JSON.parse(row.made ?? '{}')]),
    input,
  )
  if (step === 'start' || step === 'complete') {
    const made = step === 'start' ? { tenant_id: newTenant() } : {}
    ask.run(sessionId, step, '', JSON.stringify(input), JSON.stringify(made))
    return made
  }
  const key = own?.key ?? randomUUID()
  if (own === undefined) ask.run(sessionId, step, key, JSON.stringify(input), null)
  const made = await askStripe(step, session, key)
  answer.run(JSON.stringify(made), sessionId, step)
  return made
})
