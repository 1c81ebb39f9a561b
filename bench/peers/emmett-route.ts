/** Events of a session in emmett-sqlite, with an inline projection of where it stands. Its appends go one after the other. */
import { randomUUID } from 'node:crypto'
import { getSQLiteEventStore, sqliteConnection, sqliteRawSQLProjection } from '@event-driven-io/emmett-sqlite'
import { askStripe, assertNext, newTenant, type Session, type StepName, serveSteps } from './front.ts'

type StepTaken = { type: 'step_taken'; data: { step: StepName; session_id: string; made: Session } }
type State = { done: StepName | undefined; session: Session }

const connection = sqliteConnection({ fileName: 'emmett.db' })
await connection.command('pragma journal_mode = WAL')
await connection.command('pragma synchronous = FULL')
await connection.command('create table if not exists standing (session_id text primary key, step text)')
const store = getSQLiteEventStore({
  fileName: 'emmett.db',
  connectionOptions: { singleton: true, connection },
  projections: [
    {
      type: 'inline',
      projection: sqliteRawSQLProjection<StepTaken>({
        canHandle: ['step_taken'],
        evolve: ({ data }) =>
          `insert into standing values ('${data.session_id}', '${data.step}') on conflict (session_id) do update set step = excluded.step`,
      }),
    },
  ],
})
await store.schema.migrate()

let line: Promise<unknown> = Promise.resolve()
/** One after the other: what is begun at once on one connection shares a transaction. */
function inLine<T>(work: () => Promise<T>): Promise<T> {
  const turn = line.then(work)
  line = turn.catch(() => {})
  return turn
}

serveSteps(async (step, sessionId, input) => {
  const stream = `onboarding-${sessionId}`
  const read = await inLine(() =>
    store.aggregateStream<State, StepTaken>(stream, {
      initialState: () => ({ done: undefined, session: {} }),
      evolve: (state: State, { data }: StepTaken) => ({
        done: data.step,
        session: { ...state.session, ...data.made },
      }),
    }),
  )
  const { done, session } = read.state
  if (done === step) return session
  assertNext(step, done)
  const known = { ...session, ...input, ...(step === 'start' ? { tenant_id: newTenant() } : {}) }
  const made = { ...known, ...(await askStripe(step, known, randomUUID())) }
  const event: StepTaken = { type: 'step_taken', data: { step, session_id: sessionId, made } }
  await inLine(() =>
    store.appendToStream(stream, [event], { expectedStreamVersion: read.currentStreamVersion }),
  )
  return made
})
