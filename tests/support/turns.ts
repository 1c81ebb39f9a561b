import { pino } from 'pino'
import { databaseClock } from '../../src/db/clock.ts'
import type { Database } from '../../src/db/database.ts'
import { type Transact, transactOn } from '../../src/effects/turn.ts'

/** Turns on a database without an outbox's runner: what they ask for stays where it is. @param time UTC ISO 8601 */
export function transactAt(db: Database, time: string | (() => Date)): Transact {
  const owner = { id: 'nobody', clock: databaseClock(db.dialect), leaseEnd: databaseClock(db.dialect) }
  const now = typeof time === 'string' ? () => new Date(time) : time
  const log = pino({ level: 'silent' })
  return transactOn({ db, now, log }, { owner, committed: () => {} })
}
