import { rawSql } from '@event-driven-io/dumbo'
import { getPostgreSQLEventStore, postgreSQLRawSQLProjection } from '@event-driven-io/emmett-postgresql'
import pg from 'pg'
import { type Benchmark, inTurns, perSecond } from '../measure.ts'
import { startPostgres } from '../postgres.ts'
import { openStepledger, recorded, type UsageFact } from './usage-facts.ts'

const inFlight = 16
const count = Number(process.env.BENCH_FACTS ?? 4_000)
const usageTable =
  'create table usage (record_id text primary key, tenant_id text, usage_type text, quantity integer)'

/** A fact and the row that is made of it, durably, 16 asked for at a time, on a PostgreSQL with fsync. */
export const factsOnPostgres: Benchmark = async (progress) => {
  const { database, stop } = await startPostgres()
  try {
    const contestants = {
      Stepledger: async () => stepledger(await database()),
      'raw pg, one commit each': async () => raw(await database()),
      'emmett-postgresql, inline': async () => emmett(await database()),
    }
    const title = `Facts with a projection, ${inFlight} in flight, PostgreSQL`
    return [{ title, unit: 'facts a second', better: 'more', ...(await inTurns(contestants, progress)) }]
  } finally {
    await stop()
  }
}

async function stepledger(url: string): Promise<number> {
  const { record, close } = await openStepledger(url)
  const rate = await perSecond(count, inFlight, (index) => record(recorded(index)))
  await close()
  return rate
}

/** Two statements in one transaction, on sixteen connections. */
async function raw(url: string): Promise<number> {
  const pool = new pg.Pool({ connectionString: url, max: inFlight })
  await pool.query(
    `create table facts (position bigserial primary key, stream text, version integer, data text, unique (stream, version))`,
  )
  await pool.query(usageTable)
  const append = async (usage: UsageFact) => {
    const client = await pool.connect()
    await client.query('begin')
    // Two writers of one stream go one after the other.
    await client.query('select pg_advisory_xact_lock(hashtext($1))', [usage.stream])
    await client.query(
      'insert into facts (stream, version, data) select $1, coalesce(max(version), 0) + 1, $2 from facts where stream = $1',
      [usage.stream, JSON.stringify(usage)],
    )
    await client.query('insert into usage values ($1, $2, $3, $4)', [
      usage.recordId,
      usage.tenantId,
      usage.usageType,
      usage.quantity,
    ])
    await client.query('commit')
    client.release()
  }
  const rate = await perSecond(count, inFlight, (index) => append(recorded(index)))
  await pool.end()
  return rate
}

async function emmett(url: string): Promise<number> {
  const admin = new pg.Client({ connectionString: url })
  await admin.connect()
  await admin.query(usageTable)
  await admin.end()
  const store = getPostgreSQLEventStore(url, {
    projections: [
      {
        type: 'inline',
        projection: postgreSQLRawSQLProjection<{ type: 'usage_recorded'; data: UsageFact }>({
          name: 'usage',
          canHandle: ['usage_recorded'],
          evolve: ({ data }) =>
            rawSql(
              `insert into usage values ('${data.recordId}', '${data.tenantId}', '${data.usageType}', ${data.quantity})`,
            ),
        }),
      },
    ],
  })
  await store.schema.migrate()
  const rate = await perSecond(count, inFlight, (index) => {
    const data = recorded(index)
    return store.appendToStream(data.stream, [{ type: 'usage_recorded', data }])
  })
  await store.close()
  return rate
}
