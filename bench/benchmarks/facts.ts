import { join } from 'node:path'
import type { SQLiteConnection } from '@event-driven-io/emmett-sqlite'
import { getSQLiteEventStore, sqliteConnection, sqliteRawSQLProjection } from '@event-driven-io/emmett-sqlite'
import Sqlite from 'better-sqlite3'
import { scratch } from '../children.ts'
import { type Benchmark, inTurns, perSecond } from '../measure.ts'
import { openStepledger, recorded, type UsageFact } from './usage-facts.ts'

const inFlight = 64
const count = Number(process.env.BENCH_FACTS ?? 4_000)

const usageTable =
  'create table usage (record_id text primary key, tenant_id text, usage_type text, quantity integer)'

/** A fact and the row that is made of it, durably, 64 asked for at a time, on one SQLite file with synchronous=FULL. */
export const facts: Benchmark = async (progress) => [
  {
    title: `Facts with a projection, ${inFlight} in flight, SQLite`,
    unit: 'facts a second',
    better: 'more',
    ...(await inTurns(
      { Stepledger: stepledger, 'raw SQLite, one commit each': raw, 'emmett-sqlite, inline': emmett },
      progress,
    )),
  },
]

async function stepledger(): Promise<number> {
  const { directory, remove } = await scratch()
  const { record, close } = await openStepledger(`file:${join(directory, 'a.db')}`)
  const rate = await perSecond(count, inFlight, (index) => record(recorded(index)))
  await close()
  await remove()
  return rate
}

/** What a program reaches that does no more than it must: two prepared statements in one transaction. */
async function raw(): Promise<number> {
  const { directory, remove } = await scratch()
  const db = new Sqlite(join(directory, 'a.db'))
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = FULL')
  db.exec(`create table facts (position integer primary key, stream text, version integer, data text, unique (stream, version));
    ${usageTable}`)
  const version = db.prepare('select coalesce(max(version), 0) + 1 as next from facts where stream = ?')
  const fact = db.prepare('insert into facts (stream, version, data) values (?, ?, ?)')
  const row = db.prepare('insert into usage values (?, ?, ?, ?)')
  const append = db.transaction((usage: UsageFact) => {
    const { next } = version.get(usage.stream) as { next: number }
    fact.run(usage.stream, next, JSON.stringify(usage))
    row.run(usage.recordId, usage.tenantId, usage.usageType, usage.quantity)
  })
  const rate = await perSecond(count, inFlight, async (index) => append.immediate(recorded(index)))
  db.close()
  await remove()
  return rate
}

/**
 * Its appends are put one after the other. Begun at once on its one connection they share a transaction, in which one that
 * fails takes the acknowledged ones along; on a connection each they fail with SQLITE_BUSY.
 */
async function emmett(): Promise<number> {
  const { directory, remove } = await scratch()
  const fileName = join(directory, 'a.db')
  const connection: SQLiteConnection = sqliteConnection({ fileName })
  await connection.command('pragma journal_mode = WAL')
  await connection.command('pragma synchronous = FULL')
  const store = getSQLiteEventStore({
    fileName,
    connectionOptions: { singleton: true, connection },
    projections: [
      {
        type: 'inline',
        projection: sqliteRawSQLProjection({
          canHandle: ['usage_recorded'],
          evolve: ({ data }: { type: 'usage_recorded'; data: UsageFact }) =>
            `insert into usage values ('${data.recordId}', '${data.tenantId}', '${data.usageType}', ${data.quantity})`,
        }),
      },
    ],
  })
  await store.schema.migrate()
  await connection.command(usageTable)
  let last: Promise<unknown> = Promise.resolve()
  const rate = await perSecond(count / 4, inFlight, (index) => {
    const data = recorded(index)
    last = last.then(() => store.appendToStream(data.stream, [{ type: 'usage_recorded', data }]))
    return last
  })
  connection.close()
  await remove()
  return rate
}
