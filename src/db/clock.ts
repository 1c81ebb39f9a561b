import { type RawBuilder, sql } from 'kysely'

/** The database's own time and so many seconds, ISO 8601 in UTC with milliseconds: real, and one for all instances. */
export const databaseClock = (dialect: 'sqlite' | 'postgres', aheadSeconds = 0): RawBuilder<string> =>
  dialect === 'sqlite'
    ? sql<string>`strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ${sql.lit(`+${aheadSeconds} seconds`)})`
    : sql<string>`to_char((clock_timestamp() + ${sql.lit(`${aheadSeconds} seconds`)}::interval) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
