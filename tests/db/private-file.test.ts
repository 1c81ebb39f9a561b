import { chmod, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openDatabase } from '../../src/db/database.ts'
import { migrate } from '../../src/db/migrate.ts'
import { buildPast } from '../../src/ops/past.ts'
import { startSandbox } from '../../src/stripe-sandbox/sandbox.ts'
import { openJournal } from '../../src/usage/journal.ts'
import { testKeys } from '../support/databases.ts'
import { recordAll, usageRecorded } from '../support/facts.ts'

let directory: string
let umask: number
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'private-'))
  umask = process.umask(0o022)
})
afterEach(async () => {
  process.umask(umask)
  await rm(directory, { recursive: true, force: true })
})

/** Every file that is there and is open to others. */
async function readableByOthers(): Promise<string[]> {
  const files = await readdir(directory)
  const modes = await Promise.all(
    files.map(async (file) => `${((await stat(join(directory, file))).mode & 0o777).toString(8)} ${file}`),
  )
  expect(files).not.toEqual([])
  return modes.filter((mode) => !mode.startsWith('600 '))
}

test('no file with a tenant’s data can be read by others: database, WAL, journal, sandbox, a built past', async () => {
  const db = openDatabase(`file:${join(directory, 'forensics.db')}`, testKeys())
  const sandbox = await startSandbox({ file: join(directory, 'forensics.stripe-sandbox.db') })
  const journal = openJournal(join(directory, 'forensics.api-calls'), { onError: () => {} })
  try {
    await migrate(db)
    await recordAll(db, [usageRecorded('usg_1', 2)])
    await buildPast(db, '1', join(directory, 'past.db'))
    expect(await readdir(directory)).toEqual(
      expect.arrayContaining(['forensics.db-wal', 'forensics.db-shm', 'forensics.stripe-sandbox.db-wal']),
    )
    expect(await readableByOthers()).toEqual([])
  } finally {
    journal.close()
    await sandbox.close()
    await db.close()
  }
})

test('a database that others could read so far is closed to them when it is opened', async () => {
  const path = join(directory, 'old.db')
  const first = openDatabase(`file:${path}`, testKeys())
  await migrate(first)
  for (const file of await readdir(directory)) await chmod(join(directory, file), 0o644)
  const second = openDatabase(`file:${path}`, testKeys())
  expect(await readableByOthers()).toEqual([])
  await second.close()
  await first.close()
})
