/** Events of a session in emmett-postgresql, with an inline projection of where it stands. */
import { rawSql } from '@event-driven-io/dumbo'
import { getPostgreSQLEventStore, postgreSQLRawSQLProjection } from '@event-driven-io/emmett-postgresql'
import pg from 'pg'
import { evolve, initialState, type State, type StepTaken, take } from './emmett-steps.ts'
import { serveSteps } from './front.ts'

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
  const { state, currentStreamVersion } = await store.aggregateStream<State, StepTaken>(stream, {
    initialState,
    evolve,
  })
  const event = await take(state, { step, sessionId, input })
  if (event === undefined) return state.session
  const options = { expectedStreamVersion: currentStreamVersion }
  await store.appendToStream(stream, [event], options)
  return event.data.made
})
