import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { serve } from '../../src/main.ts'
import { openJournal } from '../../src/usage/journal.ts'
import { freePort } from '../support/free-port.ts'
import { spawnService } from '../support/service-process.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'stepledger-start-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const url = () => `file:${join(directory, 'service.db')}`

async function settings(more: Record<string, string> = {}): Promise<Record<string, string>> {
  const ports = [await freePort(), await freePort()].map(String)
  return {
    PORT: ports[0] ?? '',
    STRIPE_SANDBOX_PORT: ports[1] ?? '',
    DATABASE_URL: url(),
    LOG_LEVEL: 'silent',
    ...more,
  }
}

/** Why it does not start. Whatever was open is closed: the same start succeeds once the cause is gone. */
async function refusal(environment: Record<string, string>): Promise<string> {
  const error = await serve(readConfig(environment)).then(
    async (service) => {
      await service.stop()
      return undefined
    },
    (error: Error) => error,
  )
  expect(error, 'it has started').toBeDefined()
  expect(await answers(Number(environment.PORT)), 'the port is open').toBe(false)
  return error?.message ?? ''
}

async function startsNow(environment: Record<string, string>): Promise<void> {
  const service = await serve(readConfig(environment))
  expect((await fetch(`http://127.0.0.1:${environment.PORT}/health`)).status).toBe(200)
  await service.stop()
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => resolve(false))
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })
}

async function taking(port: string | undefined): Promise<Server> {
  const server = createServer().listen(Number(port), '127.0.0.1')
  await once(server, 'listening')
  return server
}

async function closed(server: Server): Promise<void> {
  server.close()
  await once(server, 'close')
}

test('a port that is taken ends the start before anything is kept, and the message names the setting', async () => {
  const environment = await settings()
  const stranger = createServer().listen(0, '127.0.0.1')
  await once(stranger, 'listening')
  const { port } = stranger.address() as AddressInfo
  const failed = await serve(readConfig({ ...environment, PORT: String(port) })).catch((error) => error)
  expect(failed.message).toMatch(/^PORT: .*in use[^\n]*$/)
  await closed(stranger)

  const sandboxes = await taking(environment.STRIPE_SANDBOX_PORT)
  expect(await refusal(environment)).toMatch(/^STRIPE_SANDBOX_PORT: .*in use[^\n]*$/)
  await closed(sandboxes)
  await startsNow(environment)
})

test('the admin key of a first start that fails is not made: the next one shows it', async () => {
  const environment = await settings()
  const stranger = await taking(environment.PORT)
  await expect(serve(readConfig(environment))).rejects.toThrow('PORT: ')
  await closed(stranger)
  const service = await serve(readConfig(environment))
  expect(service.newAdminKey).toBeDefined()
  await service.stop()
})

test('a usage journal that is in use by another process ends the start before the port is open', async () => {
  const environment = await settings()
  const journal = openJournal(join(directory, 'service.api-calls'), { onError: () => {} })
  expect(await refusal(environment)).toMatch(/^DATABASE_URL: [^\n]*journal[^\n]*in use/)
  journal.close()
  await startsNow(environment)
})

test('a database that is locked for longer than five seconds ends the start, and says so', async () => {
  const environment = await settings()
  await startsNow(environment)
  const stranger = new Sqlite(join(directory, 'service.db'))
  stranger.exec('begin immediate')
  expect(await refusal(environment)).toMatch(/^DATABASE_URL: the database is locked[^\n]*$/)
  stranger.exec('rollback')
  stranger.close()
  await startsNow(environment)
})

test('a PostgreSQL that is away ends the start with one line that says "database", without the password', async () => {
  const away = await freePort()
  const environment = await settings({
    DATABASE_URL: `postgres://somebody:hidden-word@127.0.0.1:${away}/stepledger`,
  })
  const message = await refusal(environment)
  expect(message).toMatch(/^DATABASE_URL: the database cannot be reached[^\n]*$/)
  expect(message).not.toContain('hidden-word')
})

test('a second service on a database ends at once with one line, and a stranger’s slow body does not hold up the end of the first', async () => {
  const environment = await settings()
  const first = spawnService(environment)
  await first.listening
  // Without a key: a webhook whose body does not end.
  const slow = connect(Number(environment.PORT), '127.0.0.1')
  slow.on('error', () => {})
  slow.write('POST /api/v1/billing/webhooks HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n{')

  const second = spawnService({ ...environment, PORT: String(await freePort()) })
  expect(await second.ended).not.toBe(0)
  expect(second.stderr()).toMatch(/^stepledger: (DATABASE_URL|STRIPE_SANDBOX_PORT): [^\n]*\n$/)
  expect(await answers(Number(environment.PORT))).toBe(true)

  first.child.kill('SIGTERM')
  expect(await first.ended).toBe(0)
  slow.destroy()

  const third = spawnService(environment)
  await third.listening
  third.child.kill('SIGTERM')
  expect(await third.ended).toBe(0)
  expect((await readdir(directory)).filter((name) => name.endsWith('api-calls.lock'))).toEqual([])
})

test('a log that is more than a day ahead of the clock is started on only by who says so', async () => {
  const environment = await settings({ ADMIN_API_KEY: 'admin-key-of-the-tests' })
  const service = await serve(readConfig(environment))
  const post = (url: string, body: object) =>
    fetch(url, {
      method: 'POST',
      headers: { 'X-API-Key': 'admin-key-of-the-tests' },
      body: JSON.stringify(body),
    })
  await post(`${service.sandboxUrl}/_sandbox/clock`, { advance_seconds: 3 * 86_400 })
  const applicant = { email: 'ada@example.com', name: 'Ada', company_name: 'Engines' }
  expect((await post(`${service.url}/api/v1/onboarding/start`, applicant)).status).toBe(200)
  await service.stop()
  await startsNow(environment)
  // The time goes with the sandbox's file.
  await rm(join(directory, 'service.stripe-sandbox.db'))
  await rm(join(directory, 'service.stripe-sandbox.db-wal'), { force: true })
  expect(await refusal(environment)).toMatch(/^DATABASE_URL: the log was last written at 20.*--accept-clock$/)
  const accepted = await serve({ ...readConfig(environment), acceptClock: true })
  await accepted.stop()
})
