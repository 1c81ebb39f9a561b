import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Sandbox, startSandbox } from '../../src/stripe-sandbox/sandbox.ts'
import { createSqlite, type TestDatabase } from '../support/databases.ts'
import { runCli } from '../support/run-cli.ts'

/** A command's time is that of the sandbox that the service goes along with. */

const monthMs = 30 * 86_400_000
let db: TestDatabase
beforeEach(async () => {
  db = await createSqlite()
})
afterEach(() => db.close())

/** A month ahead of the machine. */
async function sandboxAhead(file: string): Promise<Sandbox> {
  const box = await startSandbox({ file })
  await box.clock.advanceTo(Math.ceil((Date.now() + monthMs) / 1000))
  return box
}

async function isKeyAhead(env: Record<string, string>): Promise<boolean> {
  const made = await runCli(['keys', 'create', '--scope', 'admin', '--json', '--database', db.url], { env })
  expect(made.code, made.stderr).toBe(0)
  const { id } = JSON.parse(made.stdout)
  const { created_at } = await db.reader
    .selectFrom('api_keys')
    .select('created_at')
    .where('key_id', '=', id)
    .executeTakeFirstOrThrow()
  return Date.parse(created_at) > Date.now() + monthMs / 2
}

const beside = () => join(dirname(db.url.slice('file:'.length)), 'test.stripe-sandbox.db')

test('it is read in the file beside the database, whether the sandbox runs or not', async () => {
  const box = await sandboxAhead(beside())
  expect(await isKeyAhead({})).toBe(true)
  await box.close()
  expect(await isKeyAhead({})).toBe(true)
  expect(await isKeyAhead({ STRIPE_SECRET_KEY: 'sk_test_of_an_account' })).toBe(false)
})

test('a sandbox in another process is asked, and one that is away holds no command up', async () => {
  const box = await sandboxAhead(':memory:')
  const env = { STRIPE_API_BASE: box.url, STRIPE_SECRET_KEY: 'sk_test_of_the_tests' }
  expect(await isKeyAhead(env)).toBe(true)
  await box.close()
  expect(await isKeyAhead(env)).toBe(false)
  expect((await runCli(['verify', '--database', db.url], { env })).code).toBe(0)
})
