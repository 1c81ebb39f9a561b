import { writeSync } from 'node:fs'
import { openDatabase } from '../../src/db/database.ts'
import { databaseUnavailable } from '../../src/db/fault.ts'
import { PersonalKeys } from '../../src/db/personal-keys.ts'
import { record } from '../../src/projections/record.ts'
import { at, usageRecorded } from './facts.ts'

/**
 * A process that writes to the database URL, two facts at a time in two streams, with many writers at once, until it is killed. Each line
 * of its output is the name of a write that was acknowledged: `PREFIX-NUMBER`, whose facts are `PREFIX-NUMBER:a` and `…:b`.
 */
const [url = '', prefix = '', key = ''] = process.argv.slice(2)
const db = openDatabase(url, new PersonalKeys([Buffer.from(key, 'hex')]))
let serial = 0

async function write(): Promise<void> {
  const name = `${prefix}-${serial++}`
  try {
    await db.transact(async (trx) => {
      for (const half of ['a', 'b']) {
        const id = `${name}:${half}`
        await record(trx, `usage-${half}`, 'any', [{ ...usageRecorded(id, 1), fact_id: id }], at(1))
      }
    })
  } catch (error) {
    // A slow machine: it was not acknowledged.
    if (databaseUnavailable(error) !== undefined) return
    throw error
  }
  writeSync(1, `${name}\n`)
}

const writers = 8
for (let writer = 0; writer < writers; writer += 1) keepWriting()
async function keepWriting(): Promise<never> {
  for (;;) await write()
}
