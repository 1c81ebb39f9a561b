import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createSqlite, eachDatabase, type TestDatabase } from '../support/databases.ts'
import { epoch, recordAll, stripeEvent, tenant, usageRecorded } from '../support/facts.ts'
import { runCli, startCli } from '../support/run-cli.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'stepledger-cli-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

describe.each(eachDatabase)('the commands on $name', ({ create }) => {
  let db: TestDatabase
  beforeAll(async () => {
    db = await create()
    const customer = { id: 'cus_1', created: epoch, email: 'a@example.com' }
    await recordAll(db, [
      stripeEvent('customer.created', 'customer', customer, 1),
      usageRecorded('usg_1', 2),
      usageRecorded('usg_2', 3),
    ])
  })
  afterAll(() => db.close())

  const run = (...args: string[]) => runCli([...args, '--database', db.url], { cwd: directory })
  const json = async (...args: string[]) => {
    const { code, stdout } = await run(...args, '--json')
    return { code, document: JSON.parse(stdout) }
  }

  test('verify ends with 0 on what is sound, and with 1 on a changed row, which replay puts right', async () => {
    expect(await json('verify')).toMatchObject({ code: 0, document: { ok: true, faults: [], facts: 3 } })
    await db.reader.updateTable('billing_customers').set({ email: 'mallory@example.com' }).execute()
    expect(await json('verify')).toMatchObject({
      code: 1,
      document: { ok: false, faults: [{ kind: 'drift' }] },
    })
    const drift = [{ table: 'billing_customers', key: 'cus_1', column: 'email', expected: 'a@example.com' }]
    expect(await json('replay', '--verify')).toMatchObject({ code: 1, document: { ok: false, drift } })
    const { code, stdout, stderr } = await run('replay')
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toContain(
      'billing_customers cus_1 email: "mallory@example.com" instead of "a@example.com"',
    )
    expect(await json('replay', '--verify', '--tenant', tenant)).toMatchObject({
      code: 0,
      document: {
        position: 3,
        facts: 3,
        ok: true,
        drift: [],
        seconds: expect.any(Number),
        facts_per_second: expect.any(Number),
        tables: { billing_customers: { rows: 1, sha256: expect.any(String) } },
      },
    })
  })

  test('verify prints the log’s head, and finds out when a log does not go on from it', async () => {
    const { document } = await json('verify')
    const { stdout } = await run('verify')
    expect(stdout).toContain(`head ${document.head}\n`)
    expect(await json('verify', '--head', document.head)).toMatchObject({ code: 0, document: { ok: true } })
    const later = document.head.replace('3:', '4:')
    expect(await json('verify', '--head', later)).toMatchObject({
      code: 1,
      document: { ok: false, faults: [{ kind: 'head', position: 4 }] },
    })
    expect((await run('verify', '--head', '3')).code).toBe(2)
  })

  test('replay --until builds the past in another file, once', async () => {
    const file = join(directory, `past-${db.dialect}.db`)
    expect(await json('replay', '--until', '2', '--into', file)).toMatchObject({
      code: 0,
      document: { position: 2 },
    })
    const past = await runCli(['events', '--json', '--database', `file:${file}`], { cwd: directory })
    expect(past.stdout.trimEnd().split('\n')).toHaveLength(2)
    expect((await run('replay', '--until', '2', '--into', file)).code).toBe(2)
  })

  test('events prints one fact a line, filtered', async () => {
    const { stdout } = await run(
      'events',
      '--json',
      '--type',
      'usage.recorded',
      '--after',
      '2',
      '--limit',
      '5',
    )
    expect(JSON.parse(stdout)).toMatchObject({
      position: 3,
      type: 'usage.recorded',
      data: { record_id: 'usg_2' },
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
    const { stdout: lines } = await run('events', '--limit', '2')
    expect(lines.trimEnd().split('\n')).toHaveLength(2)
    expect(lines, 'personal data is for --json').not.toContain('example.com')
    expect((await run('events', '--stream', 'nothing')).stdout).toBe('')
  })

  test('a command leaves nothing open: its process ends by itself', async () => {
    for (const command of [['verify'], ['keys', 'list']])
      expect(await startCli([...command, '--database', db.url]).ended).toMatchObject({ code: 0, stderr: '' })
  })

  test('events --follow prints what is recorded meanwhile, and ends with 0 on Ctrl-C', async () => {
    const { child, ended } = startCli(['events', '--follow', '--json', '--after', '3', '--database', db.url])
    const first = once(child.stdout, 'data')
    await recordAll(db, [usageRecorded(`followed`, 4)])
    expect(String((await first)[0])).toContain('"followed"')
    child.kill('SIGINT')
    expect(await ended).toMatchObject({ code: 0, stderr: '' })
  })
})

describe('keys and migrations', () => {
  let db: TestDatabase
  beforeAll(async () => {
    db = await createSqlite()
  })
  afterAll(() => db.close())

  const run = (...args: string[]) => runCli([...args, '--database', db.url], { cwd: directory })

  test('keys are made, listed without themselves, and revoked', async () => {
    const made = await run('keys', 'create', '--scope', 'tenant', '--tenant', tenant, '--json')
    expect(made.code).toBe(0)
    const { id, key, ...whose } = JSON.parse(made.stdout)
    expect(whose).toEqual({ scope: 'tenant', tenant_id: tenant })
    const list = await run('keys', 'list', '--json')
    expect(list.stdout).toContain(id)
    expect(list.stdout).not.toContain(key)
    expect((await run('keys', 'revoke', id)).code).toBe(0)
    expect((await run('keys', 'list')).stdout).toMatch(new RegExp(`${id}.*\\d{4}-.*\\d{4}-`))
    expect((await run('keys', 'revoke', 'key_unknown')).code).toBe(1)
    expect((await run('keys', 'create', '--scope', 'tenant')).code).toBe(2)
  })

  test('migrate runs what is missing, and nothing the second time', async () => {
    const { code, stdout } = await run('migrate', '--json')
    expect([code, JSON.parse(stdout)]).toEqual([0, { migrations: [] }])
  })
})

describe('wrong use', () => {
  test.each<[string, string[], string?]>([
    ['an unknown command', ['conquer']],
    ['no command', []],
    ['an unknown option', ['verify', '--loudly']],
    ['a surplus argument', ['verify', 'everything']],
    ['a number that is none', ['events', '--after', '-1']],
    ['a type of fact that is none', ['events', '--type', 'onboarding.startd'], 'onboarding.started'],
    ['a status that is none', ['sessions', 'list', '--status', 'done'], 'plan_selected'],
    ['a scope that is none', ['keys', 'create', '--scope', 'root']],
    ['a mandatory option left out', ['keys', 'create']],
    ['--until without --into', ['replay', '--until', '3']],
    ['a database that is not there', ['verify', '--database', 'file:missing.db']],
    ['no database URL', ['verify', '--database', 'missing.db']],
  ])('%s ends with 2 and says what is wrong', async (_, args, accepted = '') => {
    const { code, stdout, stderr } = await runCli(args, { cwd: directory })
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).not.toBe('')
    expect(stderr, 'what is accepted').toContain(accepted)
    expect(stderr).not.toContain('    at ')
    expect(existsSync(join(directory, 'missing.db'))).toBe(false)
  })

  test('a bad value in .env ends with 2 and names the variable', async () => {
    const cwd = await mkdtemp(join(directory, 'env-'))
    await writeFile(join(cwd, '.env'), 'PORT=eighty\n')
    const { code, stderr } = await runCli(['verify'], { cwd })
    expect(code).toBe(2)
    expect(stderr).toContain('PORT: "eighty" is not accepted')
  })

  test('--help ends with 0, for every command', async () => {
    const commands = ['', 'serve', 'migrate', 'sandbox', 'events', 'replay', 'verify', 'keys']
    for (const command of commands) {
      const { code, stdout } = await runCli([command, '--help'].filter(Boolean))
      expect([code, stdout]).toEqual([0, expect.stringContaining('Usage: stepledger')])
    }
  })
})

test('--version prints the package’s', async () => {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  for (const option of ['--version', '-V'])
    expect(await runCli([option])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
})

test('a start names settings that are none, and says when it has made the database', async () => {
  const cwd = await mkdtemp(join(directory, 'start-'))
  const settings = [
    'PORT=0',
    'STRIPE_SANDBOX_PORT=0',
    'BILLING_RATE_PER_AGENT=1',
    'STRIPE_SECRETKEY=sk_test_1',
  ]
  await writeFile(join(cwd, '.env'), `${settings.join('\n')}\nLOG_LEVEL=silent\n`)
  const start = async () => {
    const { child, ended } = startCli(['serve'], { cwd })
    let said = ''
    for await (const chunk of child.stdout) {
      said += String(chunk)
      if (/^Database .*\n/m.test(said)) break
    }
    child.kill('SIGTERM')
    const { stderr } = await ended
    return { database: /^Database (.*)$/m.exec(said)?.[1], stderr }
  }
  const file = join(await realpath(cwd), 'forensics.db')
  const first = await start()
  expect(first.database).toBe(`${file}, new: made by this start`)
  expect(first.stderr.match(/warning: \S+/g)).toEqual([
    'warning: BILLING_RATE_PER_AGENT',
    'warning: STRIPE_SECRETKEY',
  ])
  expect((await start()).database).toBe(file)
})

test('the database is that of .env where no option names one', async () => {
  const cwd = await mkdtemp(join(directory, 'env-'))
  await writeFile(join(cwd, '.env'), 'DATABASE_URL=file:own.db\n')
  expect((await runCli(['migrate'], { cwd })).stdout).toContain('add_billing_tables')
  expect(existsSync(join(cwd, 'own.db'))).toBe(true)
  expect((await runCli(['verify'], { cwd })).code).toBe(0)
})

test('a reader that stops reading ends the events cleanly', async () => {
  const db = await createSqlite()
  try {
    const many = Array.from({ length: 2000 }, (_, index) => usageRecorded(`usg_${index}`, index))
    await recordAll(db, many)
    const { child, ended } = startCli(['events', '--json', '--database', db.url])
    await once(child.stdout, 'data')
    child.stdout.destroy()
    expect(await ended).toMatchObject({ code: 0, stderr: '' })
  } finally {
    await db.close()
  }
})

test('the sandbox as a process says where it listens, and ends with 0 on SIGTERM', async () => {
  const { child, ended } = startCli(['sandbox', '--port', '0', '--json'], { cwd: directory })
  const [line] = await once(child.stdout, 'data')
  const { url } = JSON.parse(String(line))
  const answer = await fetch(`${url}/v1/customers`, { headers: { Authorization: 'Bearer sk_test_123' } })
  expect(answer.status).toBe(200)
  child.kill('SIGTERM')
  expect(await ended).toMatchObject({ code: 0, stderr: '' })
})

test('the package runs from node_modules, where Node strips no types', async () => {
  const modules = join(await mkdtemp(join(directory, 'installed-')), 'node_modules')
  const installed = join(modules, 'stepledger')
  await mkdir(installed, { recursive: true })
  for (const name of ['src', 'machines', 'migrations', 'package.json'])
    await cp(join(root, name), join(installed, name), { recursive: true })
  for (const name of await readdir(join(root, 'node_modules')))
    if (!name.startsWith('.')) await symlink(join(root, 'node_modules', name), join(modules, name))
  const { child, ended } = startCli(['migrate', '--database', `file:${join(modules, 'x.db')}`], {
    launcher: join(installed, 'src/stepledger.js'),
  })
  child.stdin.end()
  expect(await ended).toEqual({ code: 0, stdout: 'Ran add_billing_tables\n', stderr: '' })
})
