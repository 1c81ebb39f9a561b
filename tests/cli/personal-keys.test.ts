import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import Sqlite from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../src/db/database.ts'
import { migrate } from '../../src/db/migrate.ts'
import { createKeyFile, findPersonalKeys, readKeyFile } from '../../src/db/personal-key-file.ts'
import { keyId, newKey } from '../../src/db/personal-keys.ts'
import { assertPersonalKeys } from '../../src/db/seals.ts'
import { readFacts } from '../../src/log/read.ts'
import { personalOf } from '../../src/log/subject.ts'
import { createPostgres, eachDatabase, testKey } from '../support/databases.ts'
import { observed, recordAll } from '../support/facts.ts'
import { freePort } from '../support/free-port.ts'
import { requestsAt } from '../support/requests.ts'
import { runCli, startCli } from '../support/run-cli.ts'
import { spawnService } from '../support/service-process.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'stepledger-keys-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const path = () => join(directory, 'service.db')
const keyFile = () => join(directory, 'service.personal-data.key')
const url = () => `file:${path()}`
const launcher = fileURLToPath(new URL('../../src/stepledger.js', import.meta.url))
const base64 = (...keys: Buffer[]) => keys.map((key) => key.toString('base64')).join(',')

/** `serve` as a person runs it. */
async function start(more: Record<string, string> = {}) {
  const [port, sandboxPort] = [await freePort(), await freePort()]
  const env = {
    PORT: String(port),
    STRIPE_SANDBOX_PORT: String(sandboxPort),
    DATABASE_URL: url(),
    LOG_LEVEL: 'trace',
    ...more,
  }
  const service = spawnService(env, [process.execPath, launcher, 'serve'])
  const stop = async () => {
    service.child.kill('SIGTERM')
    return service.ended
  }
  const startSession = (name: string) =>
    requestsAt(`http://127.0.0.1:${port}`)('POST', '/onboarding/start', {
      email: `${name}@example.com`,
      name,
      company_name: `${name} Ltd`,
    })
  return { ...service, stop, startSession }
}

/** The one line that a start says when it refuses. */
async function refusal(more: Record<string, string> = {}): Promise<string> {
  const service = await start(more)
  expect(await service.ended).not.toBe(0)
  expect(service.stderr()).toMatch(/^stepledger: [^\n]*\n$/)
  return service.stderr()
}

/** A database like a service's, with its key in the file beside it, and this many customers. */
async function seed(customers = 2): Promise<void> {
  createKeyFile(keyFile())
  await withService(async (db) => {
    await migrate(db)
    await recordCustomers(db, customers)
  })
}

const recordCustomers = (db: Database, customers: number) =>
  recordAll(
    db,
    Array.from({ length: customers }, (_, n) =>
      observed('customer', { id: `cus_${n}`, name: `Name ${n}`, email: `e${n}@example.com` }, n, {
        tenantId: `tenant_${n}`,
      }),
    ),
  )

/** The database with the keys that a service would have now. */
async function withService<T>(work: (db: Database) => Promise<T>): Promise<T> {
  const db = openDatabase(url(), findPersonalKeys(url(), {}))
  try {
    return await work(db)
  } finally {
    await db.close()
  }
}

const cli = (...args: string[]) => runCli([...args, '--database', url()], { env: { PERSONAL_DATA_KEY: '' } })
const json = async (...args: string[]) => JSON.parse((await cli(...args, '--json')).stdout)

/** What must be the same before and after: the facts opened, the tables. */
async function opened() {
  const { tables, ok, personal_compared } = await json('replay', '--verify')
  expect({ ok, personal_compared }).toEqual({ ok: true, personal_compared: true })
  return withService(async (db) => {
    const personal = await Array.fromAsync(readFacts(db.reader), (fact) =>
      'personal' in fact.data ? personalOf(db.reader, fact as never) : undefined,
    )
    return { tables, personal }
  })
}

const wrappedBy = (database = new Sqlite(path(), { readonly: true, timeout: 1000 })) => {
  const rows = database.prepare('select wrapped_by, count(*) as n from subject_keys group by 1').all()
  database.close()
  return Object.fromEntries(
    (rows as { wrapped_by: string; n: number }[]).map((row) => [row.wrapped_by, row.n]),
  )
}

test('a first start makes a key that only its owner reads, says where, and never says the key', async () => {
  const first = await start()
  await first.listening
  expect((await first.startSession('Ada')).status).toBe(200)
  expect(await first.stop()).toBe(0)
  expect((await stat(keyFile())).mode & 0o777).toBe(0o600)
  expect(first.stdout()).toContain(`Key      ${keyFile()}, new`)
  const key = await readFile(keyFile(), 'utf8')
  expect(first.stdout() + first.stderr()).not.toContain(key.trim())

  const second = await start({ PERSONAL_DATA_KEY: key.trim() })
  await second.listening
  expect((await second.startSession('Grace')).status).toBe(200)
  expect(await second.stop()).toBe(0)
  expect(await readFile(keyFile(), 'utf8')).toBe(key)
  expect(second.stdout()).not.toContain('Key ')
  expect(second.stdout() + second.stderr()).not.toContain(key.trim())
})

test('a start without the key, or with another, refuses in one line that names PERSONAL_DATA_KEY, and makes none', async () => {
  await seed()
  const before = await readFile(path())
  await rename(keyFile(), `${keyFile()}.away`)
  expect(await refusal()).toMatch(/^stepledger: PERSONAL_DATA_KEY: /)
  expect(await refusal({ PERSONAL_DATA_KEY: base64(newKey()) })).toMatch(/^stepledger: PERSONAL_DATA_KEY: /)
  await writeFile(keyFile(), 'half a key\n')
  expect(await refusal()).toMatch(/^stepledger: PERSONAL_DATA_KEY: [^\n]*is not a key file/)
  await rm(keyFile())
  expect((await readdir(directory)).filter((name) => /\.key$/.test(name))).toEqual([])
  expect(before.equals(await readFile(path()))).toBe(true)

  const named = spawnService(
    { PORT: '0', STRIPE_ENABLED: 'false', DATABASE_URL: url(), LOG_LEVEL: 'silent' },
    [process.execPath, launcher, 'serve', '--personal-key', `${keyFile()}.away`],
  )
  await named.listening
  named.child.kill('SIGTERM')
  expect(await named.ended).toBe(0)
})

test('no new key is made beside sealed data, though no wrapped key says whose it is', async () => {
  await seed()
  await rm(keyFile())
  const database = new Sqlite(path())
  database.exec('delete from subject_keys')
  database.close()
  expect(await refusal()).toMatch(
    /^stepledger: PERSONAL_DATA_KEY: missing, and this database has sealed data/,
  )
  expect((await readdir(directory)).filter((name) => /\.key/.test(name))).toEqual([])
})

test('PERSONAL_DATA_KEY is required with PostgreSQL, and a bad one is a bad setting', async () => {
  const db = await createPostgres()
  try {
    expect(await refusal({ DATABASE_URL: db.url })).toMatch(
      /^stepledger: PERSONAL_DATA_KEY: missing; [^\n]*required/,
    )
    for (const bad of ['short', base64(newKey(), newKey(), newKey()), `${base64(newKey())},short`])
      expect(await refusal({ PERSONAL_DATA_KEY: bad })).toMatch(
        /^stepledger: PERSONAL_DATA_KEY: the value is not accepted; expected 32 bytes/,
      )
    expect((await readdir(directory)).filter((name) => name.endsWith('.key'))).toEqual([])
  } finally {
    await db.close()
  }
})

test('a key file is never overwritten', () => {
  createKeyFile(keyFile())
  const before = readKeyFile(keyFile())
  expect(() => createKeyFile(keyFile())).toThrow('EEXIST')
  expect(readKeyFile(keyFile())).toEqual(before)
})

describe.each(eachDatabase)('on $name', ({ create }) => {
  test('verify without the key compares all but personal columns and says so; replay and migrate refuse', async () => {
    const db = await create()
    try {
      await recordCustomers(db, 3)
      const run = (key: string, ...args: string[]) =>
        runCli([...args, '--database', db.url], { env: { PERSONAL_DATA_KEY: key }, cwd: directory })
      const blind = await run('', 'verify', '--json')
      expect(blind).toMatchObject({ code: 0, stderr: '' })
      expect(JSON.parse(blind.stdout)).toMatchObject({ ok: true, personal_compared: false })
      expect((await run('', 'verify')).stdout).toMatch(/^Personal columns were not compared/m)
      const verified = JSON.parse((await run('', 'replay', '--verify', '--json')).stdout)
      expect(verified).toMatchObject({ ok: true, personal_compared: false })
      for (const [key, command] of [
        ['', 'replay'],
        ['', 'migrate'],
        [base64(newKey()), 'migrate'],
        [base64(newKey()), 'replay'],
      ] as const) {
        const { code, stderr } = await run(key, command)
        expect(code).toBe(1)
        expect(stderr).toMatch(/^stepledger: Personal data is sealed by [^\n]*PERSONAL_DATA_KEY[^\n]*\n$/)
      }
      await writeFile(join(directory, 'the.key'), `${base64(testKey)}\n`)
      await chmod(join(directory, 'the.key'), 0o600)
      const named = ['--personal-key', join(directory, 'the.key')]
      const whole = await run(base64(newKey()), 'verify', ...named, '--json')
      expect(JSON.parse(whole.stdout)).toMatchObject({ ok: true, personal_compared: true })
      expect((await run('', 'replay', ...named)).code).toBe(0)
    } finally {
      await db.close()
    }
  })

  test('a subject without a row is erased, and is not taken for a lost key', async () => {
    const db = await create()
    try {
      await recordCustomers(db, 3)
      await db.transact((trx) => trx.deleteFrom('subject_keys').execute())
      const another = openDatabase(db.url)
      await assertPersonalKeys(another)
      for await (const fact of readFacts(another.reader, {}))
        if ('personal' in fact.data && fact.sealed !== null)
          expect(await personalOf(another.reader, fact as never)).toBeNull()
      await another.close()
    } finally {
      await db.close()
    }
  })

  test('two keys in PERSONAL_DATA_KEY: all is wrapped by the new one, and the old one can go', async () => {
    const db = await create()
    try {
      await recordCustomers(db, 3)
      const run = (key: string, ...args: string[]) =>
        runCli([...args, '--database', db.url], { env: { PERSONAL_DATA_KEY: key } })
      const one = await run(base64(testKey), 'keys', 'rotate-personal')
      expect(one.code).toBe(2)
      expect(one.stderr).toMatch(/PERSONAL_DATA_KEY has one key: put a new one [^\n]*in front/)
      const before = JSON.parse((await run(base64(testKey), 'replay', '--verify', '--json')).stdout)
      const fresh = newKey()
      const rotated = await run(base64(fresh, testKey), 'keys', 'rotate-personal', '--json')
      const { rewrapped, subjects, ...rest } = JSON.parse(rotated.stdout)
      expect(rest).toEqual({ wrapped_by: keyId(fresh), key_file: null })
      expect(rewrapped).toBe(subjects)
      const after = JSON.parse((await run(base64(fresh), 'replay', '--verify', '--json')).stdout)
      expect(after).toMatchObject({ ok: true, personal_compared: true, tables: before.tables })
      expect((await run(base64(testKey), 'migrate')).code).toBe(1)
    } finally {
      await db.close()
    }
  })
})

test('a rotation of the key file keeps the old key behind the new one, and the next drops it; facts and tables stay the same', async () => {
  await seed(250)
  const before = await opened()
  const [old] = readKeyFile(keyFile()) as [Buffer]
  const { code, stdout } = await cli('keys', 'rotate-personal')
  expect(code).toBe(0)
  expect(stdout).toContain('The old one, behind it, goes with the next rotation')
  const [fresh, kept, ...others] = readKeyFile(keyFile()) as [Buffer, Buffer]
  expect([kept, others]).toEqual([old, []])
  expect((await stat(keyFile())).mode & 0o777).toBe(0o600)
  expect(wrappedBy()).toEqual({ [keyId(fresh)]: 250 })
  expect(await opened()).toEqual(before)

  expect(await json('keys', 'rotate-personal')).toMatchObject({ rewrapped: 250, key_file: keyFile() })
  const [, second, ...more] = readKeyFile(keyFile())
  expect([second, more]).toEqual([fresh, []])
  expect(await opened()).toEqual(before)
})

test('a rotation that is killed anywhere leaves nothing that cannot be opened, and the next one ends it', async () => {
  await seed(600)
  const before = await opened()
  const atStart = await readFile(keyFile(), 'utf8')
  // With the file just written; after the first page; in the midst of the others.
  for (const pages of [0, 1, 2]) {
    const { child, ended } = startCli(['keys', 'rotate-personal', '--database', url()], {
      env: { PERSONAL_DATA_KEY: '' },
    })
    const file = await readFile(keyFile(), 'utf8')
    const isThere = async () => {
      const [first] = readKeyFile(keyFile())
      if (pages === 0 && file === atStart) return (await readFile(keyFile(), 'utf8')) !== file
      return (wrappedBy()[keyId(first as Buffer)] ?? 0) >= pages * 200
    }
    while (child.exitCode === null && !(await isThere())) await sleep(1)
    child.kill('SIGKILL')
    await ended
    await withService(assertPersonalKeys)
    expect(await opened()).toEqual(before)
  }
  expect((await cli('keys', 'rotate-personal')).code).toBe(0)
  const [fresh, ...others] = readKeyFile(keyFile())
  expect(wrappedBy()).toEqual({ [keyId(fresh as Buffer)]: 600 })
  expect(others.length).toBe(1)
  expect(await opened()).toEqual(before)
}, 180_000)

test('a service goes on while its key is rolled again and again, and wraps by the newest', async () => {
  const service = await start()
  await service.listening
  try {
    let isOver = false
    const statuses = new Set<number>()
    const writing = (async () => {
      while (!isOver) statuses.add((await service.startSession(randomBytes(6).toString('hex'))).status)
    })()
    for (let turn = 0; turn < 3; turn += 1) expect((await cli('keys', 'rotate-personal')).code).toBe(0)
    isOver = true
    await writing
    expect((await service.startSession('Last')).status).toBe(200)
    expect([...statuses]).toEqual([200])
    const [fresh, ...others] = readKeyFile(keyFile())
    expect(others.length).toBe(1)
    expect(Object.keys(wrappedBy())).toEqual([keyId(fresh as Buffer)])
  } finally {
    expect(await service.stop()).toBe(0)
  }
  expect(await json('verify')).toMatchObject({ ok: true, personal_compared: true })
})
