/** Events of a session in emmett-sqlite, with an inline projection of where it stands. Its appends go one after the other. */
import { getSQLiteEventStore, sqliteConnection, sqliteRawSQLProjection } from '@event-driven-io/emmett-sqlite'
import { evolve, initialState, type State, type StepTaken, take } from './emmett-steps.ts'
import { serveSteps } from './front.ts'

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
  const { state, currentStreamVersion } = await inLine(() =>
    store.aggregateStream<State, StepTaken>(stream, { initialState, evolve }),
  )
  const event = await take(state, { step, sessionId, input })
  if (event === undefined) return state.session
  const options = { expectedStreamVersion: currentStreamVersion }
  await inLine(() => store.appendToStream(stream, [event], options))
  return event.data.made
})
