/** Events of a session in emmett-postgresql, with an inline projection of where it stands. */
import { randomUUID } from 'node:crypto'
import { rawSql } from '@event-driven-io/dumbo'
import { getPostgreSQLEventStore, postgreSQLRawSQLProjection } from '@event-driven-io/emmett-postgresql'
import pg from 'pg'
import { askStripe, assertNext, newTenant, type Session, type StepName, serveSteps } from './front.ts'

type StepTaken = { type: 'step_taken'; data: { step: StepName; session_id: string; made: Session } }
type State = { done: StepName | undefined; session: Session }

const url = process.env.DATABASE_URL ?? ''
const admin = new pg.Client({ connectionString: url })
await admin.connect()
await admin.query('create table if not exists standing (session_id text primary key, step text)')
await admin.end()
const store = getPostgreSQLEventStore(url, {
  projections: [
    {
      type: 'inline',
      projection: postgreSQLRawSQLProjection<StepTaken>({
        name: 'standing',
        canHandle: ['step_taken'],
        evolve: ({ data }) =>
          rawSql(
            `insert into standing values ('${data.session_id}', '${data.step}') on conflict (session_id) do update set step = excluded.step`,
          ),
      }),
    },
  ],
})
await store.schema.migrate()

serveSteps(async (step, sessionId, input) => {
  const stream = `onboarding-${sessionId}`
  const read = await store.aggregateStream<State, StepTaken>(stream, {
    initialState: () => ({ done: undefined, session: {} }),
    evolve: (state: State, { data }: StepTaken) => ({
      done: data.step,
      session: { ...state.session, ...data.made },
    }),
  })
  const { done, session } = read.state
  if (done === step) return session
  assertNext(step, done)
  const known = { ...session, ...input, ...(step === 'start' ? { tenant_id: newTenant() } : {}) }
  const made = { ...known, ...(await askStripe(step, known, randomUUID())) }
  const event: StepTaken = { type: 'step_taken', data: { step, session_id: sessionId, made } }
  await store.appendToStream(stream, [event], { expectedStreamVersion: read.currentStreamVersion })
  return made
})
