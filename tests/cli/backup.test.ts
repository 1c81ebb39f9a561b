import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import Sqlite from 'better-sqlite3'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { backup } from '../../src/ops/backup.ts'
import { createPostgres, createSqlite, type TestDatabase, testKey } from '../support/databases.ts'
import { observed, recordAll } from '../support/facts.ts'
import { runCli } from '../support/run-cli.ts'

let directory: string
let db: TestDatabase
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'stepledger-backup-'))
  db = await createSqlite()
})
afterEach(async () => {
  await db.close()
  await rm(directory, { recursive: true, force: true })
})

const copy = () => join(directory, 'copy.db')
const customer = (n: number) =>
  observed('customer', { id: `cus_${n}`, name: `Name ${n}`, email: `e${n}@example.com` }, n, {
    tenantId: `tenant_${n}`,
  })

test('a backup under writes is one moment of the database, verifies, and has the wrapped keys but not the key', async () => {
  await recordAll(
    db,
    Array.from({ length: 300 }, (_, n) => customer(n)),
  )
  let isOver = false
  let written = 300
  const writing = (async () => {
    // SQLite works without a pause: between two writes the command's end is heard.
    for (; !isOver; written += 1) {
      await recordAll(db, [customer(written)])
      await nextTurn()
    }
  })()
  const { code, stdout, stderr } = await runCli(['backup', '--to', copy(), '--database', db.url])
  isOver = true
  await writing
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain('The key of personal data is not in it: keep PERSONAL_DATA_KEY too')
  expect((await stat(copy())).mode & 0o777).toBe(0o600)
  expect(await readdir(directory)).toEqual(['copy.db'])
  const keys = new Sqlite(copy(), { readonly: true })
    .prepare('select count(*) as n from subject_keys')
    .get() as {
    n: number
  }
  expect(keys.n).toBeGreaterThanOrEqual(300)
  expect(keys.n).toBeLessThan(written)
  expect((await readFile(copy())).includes(testKey.toString('base64'))).toBe(false)

  const keyFile = join(directory, 'the.key')
  await writeFile(keyFile, `${testKey.toString('base64')}\n`)
  const verified = await runCli(
    ['verify', '--database', `file:${copy()}`, '--personal-key', keyFile, '--json'],
    { env: { PERSONAL_DATA_KEY: '' } },
  )
  expect(JSON.parse(verified.stdout)).toMatchObject({ ok: true, personal_compared: true, facts: keys.n })
})

test('a backup overwrites no file, and leaves none that is half of one', async () => {
  await writeFile(copy(), 'something else')
  const again = await runCli(['backup', '--to', copy(), '--database', db.url])
  expect(again.code).toBe(2)
  expect(again.stderr).toMatch(/^stepledger: [^\n]*copy\.db exists already[^\n]*\n$/)
  expect(await readFile(copy(), 'utf8')).toBe('something else')

  const failing = backup(db.url.slice('file:'.length), join(directory, 'other.db'), () => {
    throw new Error('no more')
  })
  await expect(failing).rejects.toThrow('no more')
  expect(await readdir(directory)).toEqual(['copy.db'])
})

test('of PostgreSQL it says what makes backups', async () => {
  const server = await createPostgres()
  const { code, stderr } = await runCli(['backup', '--to', copy(), '--database', server.url])
  expect(code).toBe(2)
  expect(stderr).toMatch(/^stepledger: [^\n]*pg_dump[^\n]*\n$/)
  await server.close()
})
