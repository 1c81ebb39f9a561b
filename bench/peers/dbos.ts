/** A DBOS workflow a step, with one step of its own that calls Stripe; where a session stands is a row of ours. */
import { DBOS } from '@dbos-inc/dbos-sdk'
import pg from 'pg'
import { askStripe, assertNext, newTenant, type Session, type StepName, serveSteps } from './front.ts'

const url = process.env.DATABASE_URL ?? ''
const pool = new pg.Pool({ connectionString: url, max: 16 })
await pool.query(
  'create table if not exists standing (session_id text primary key, step text, session jsonb)',
)

const take = DBOS.registerWorkflow(
  async (step: StepName, sessionId: string, input: Session): Promise<Session> => {
    const { rows } = await pool.query('select step, session from standing where session_id = $1', [sessionId])
    const { step: done, session } = rows[0] ?? { step: undefined, session: {} }
    if (done === step) return session
    assertNext(step, done)
    const known: Session = { ...session, ...input }
    if (step === 'start') known.tenant_id = await DBOS.runStep(async () => newTenant(), { name: 'tenant' })
    const made = await DBOS.runStep(() => askStripe(step, known, `${DBOS.workflowID}`), { name: 'stripe' })
    const after = { ...known, ...made }
    await pool.query(
      'insert into standing values ($1, $2, $3) on conflict (session_id) do update set step = excluded.step, session = excluded.session',
      [sessionId, step, JSON.stringify(after)],
    )
    return after
  },
  { name: 'take' },
)

DBOS.setConfig({ name: 'bench', systemDatabaseUrl: url, runAdminServer: false, logLevel: 'error' })
await DBOS.launch()
serveSteps(async (step, sessionId, input) => {
  const handle = await DBOS.startWorkflow(take, { workflowID: `${sessionId}:${step}` })(
    step,
    sessionId,
    input,
  )
  return handle.getResult()
})
