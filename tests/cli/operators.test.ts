import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createSqlite, type TestDatabase } from '../support/databases.ts'
import { otherTenant, tenant } from '../support/facts.ts'
import { recordIncident, recordSteps, secrets, session, steps } from '../support/incident.ts'
import { recordMonth } from '../support/month.ts'
import { runCli } from '../support/run-cli.ts'

let directory: string
let db: TestDatabase
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'stepledger-operators-'))
  db = await createSqlite()
  await recordIncident(db)
})
afterAll(async () => {
  await db.close()
  await rm(directory, { recursive: true, force: true })
})

const run = (...args: string[]) => runCli([...args, '--database', db.url], { cwd: directory })
const json = async (...args: string[]) => {
  const { code, stdout, stderr } = await run(...args, '--json')
  return { code, stderr, document: JSON.parse(stdout) }
}

// Up to five processes in one test, beside those of four others: on a machine that is busy besides, half a minute.
describe.concurrent('what operators ask', { timeout: 90_000 }, () => {
  test('sessions list and show say where a session stands and how it came there', async () => {
    expect(await json('sessions', 'list')).toMatchObject({
      code: 0,
      document: [{ session_id: session, position: 'subscription_created.live' }],
    })
    const { stdout } = await run('sessions', 'show', session)
    expect(stdout).toMatch(/next step +complete/)
    expect(stdout).toMatch(/onboarding\.payment_declined +payment_setup\.idle/)
    expect(stdout).not.toContain('\u001b[')
    expect((await run('sessions', 'show', 'nobody')).code).toBe(1)
  })

  test('diff and why name the facts', async () => {
    const { code, stdout } = await run('diff', '--tenant', tenant, '--from', '0', '--to', '2026-12-31')
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /outstanding +\$0\.00 +\$204\.00 +\+\$204\.00 +#\d+ stripe\.event_received \(worker\)/,
    )
    const reasons = await run('why', 'billing_customers', 'cus_ada', 'email')
    expect(reasons).toMatchObject({ code: 0, stderr: '' })
    expect(reasons.stdout).toContain('ada@example.com → ada@new.example.com')
  })

  test('reprice prices by a file of rates and plans, and fails above a limit', async () => {
    const month = await createSqlite()
    await recordIncident(month)
    await recordMonth(month)
    const rates = join(directory, 'rates.json')
    await writeFile(
      rates,
      '{"case": {"rate_cents": 1200, "per_units": 1}, "BILLING_RATE_PLATFORM_BASE": 11000, "plans": {"price_basic_monthly": 5900}}',
    )
    const args = ['reprice', '--rates', rates, '--database', month.url, '--fail-above']
    const { code, stdout } = await runCli([...args, '50%', '--json'], { cwd: directory })
    expect(code).toBe(0)
    expect(JSON.parse(stdout).total).toMatchObject({
      delta_cents: 600 + 1000,
      next_invoice_cents: { delta_cents: 2000 },
    })
    const above = await runCli([...args, '5%'], { cwd: directory })
    expect([above.code, above.stdout]).toEqual([
      1,
      expect.stringMatching(/total +\$155\.00 +\$171\.00 +\+\$16\.00 +\+10\.32 % +\$249\.00 +\$269\.00/),
    ])
    await month.close()
  })

  test('an incident goes into a file without personal data, and comes out of it as it was', async () => {
    const file = join(directory, 'incident.json')
    const written = await run('events', 'export', '--session', session, '--out', file)
    expect(written).toMatchObject({ code: 0, stdout: expect.stringContaining('without personal data') })
    const text = await readFile(file, 'utf8')
    for (const secret of secrets) expect(text).not.toContain(secret)
    const replayed = await runCli(['replay', '--from-capsule', file, '--json'], { cwd: directory })
    expect(replayed.code).toBe(0)
    expect(JSON.parse(replayed.stdout)).toMatchObject({ ok: true, place: 'subscription_created.live' })
    expect((await run('events', 'export', '--session', session, '--out', file)).code).toBe(2)
    await writeFile(file, text.replace('"place": "subscription_created.live"', '"place": "completed"'))
    const other = await runCli(['replay', '--from-capsule', file], { cwd: directory })
    expect([other.code, other.stdout]).toEqual([1, expect.stringContaining('recorded was completed')])
  })

  test.each([
    ['an unknown table', ['why', 'billing_refunds', 'x'], 'no table of the log'],
    [
      'a moment that is none',
      ['diff', '--tenant', tenant, '--from', 'noon', '--to', '3'],
      'noon is no position',
    ],
    [
      'a percentage that is none',
      ['reprice', '--rates', 'x', '--fail-above', 'much'],
      'percentage such as 5%',
    ],
    ['a capsule that is none', ['replay', '--from-capsule', 'none.json'], 'there is no file none.json'],
    [
      'a capsule and a tenant',
      ['replay', '--from-capsule', 'x', '--tenant', tenant],
      'leave out the other options',
    ],
  ])('%s ends with 2 and says what is wrong', async (_, args, message) => {
    const { code, stdout, stderr } = await run(...args)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain(message)
    expect(stderr).not.toContain('    at ')
  })
})

test('rehearse ends with 0 on what is fine, and with 1 once a session is stranded', async () => {
  expect(await json('rehearse')).toMatchObject({ code: 0, document: { sessions: 1, fine: 1, ok: true } })
  const of = { sessionId: '22222222-2222-4222-8222-222222222222', tenantId: otherTenant }
  await recordSteps(db, steps.slice(0, 3), 0, of)
  await recordSteps(db, [['onboarding.completed', {}]], 3, of)
  const { code, stdout } = await run('rehearse')
  expect(code).toBe(1)
  expect(stdout).toContain(`stranded  ${of.sessionId}`)
  expect((await json('sessions', 'list', '--stuck')).document).toMatchObject([{ is_quarantined: true }])
})
