import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Sandbox, startSandbox } from '../../src/stripe-sandbox/sandbox.ts'
import { freePort } from '../support/free-port.ts'
import { type HoldingProxy, startHoldingProxy } from '../support/holding-proxy.ts'
import { requestsAt, type SendRequest } from '../support/requests.ts'
import { spawnService } from '../support/service-process.ts'

let directory: string
let sandbox: Sandbox
let proxy: HoldingProxy
let env: Record<string, string>
let api: string
let send: SendRequest
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'stepledger-stop-'))
  sandbox = await startSandbox({ file: join(directory, 'stripe.db') })
  proxy = await startHoldingProxy(() => sandbox.url)
  const port = await freePort()
  api = `http://127.0.0.1:${port}/api/v1`
  send = requestsAt(`http://127.0.0.1:${port}`)
  env = {
    PORT: String(port),
    DATABASE_URL: `file:${join(directory, 'service.db')}`,
    STRIPE_SECRET_KEY: 'sk_test_of_the_tests',
    STRIPE_API_BASE: proxy.url,
    LOG_LEVEL: 'error',
  }
})
afterEach(async () => {
  await proxy.close()
  await sandbox.close()
  await rm(directory, { recursive: true, force: true })
})

const isOpen = (port: string | undefined) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(Number(port), '127.0.0.1')
    socket.on('error', () => resolve(false))
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })

test('SIGTERM to npm start ends the service itself: the port is closed and nobody is left', async () => {
  const service = spawnService(env, ['npm', 'start'])
  await service.listening
  service.child.kill('SIGTERM')
  // Nobody has its standard output open any more: an orphan would.
  await service.ended
  expect(await isOpen(env.PORT)).toBe(false)
  const next = spawnService(env)
  await next.listening
  next.child.kill('SIGTERM')
  expect(await next.ended).toBe(0)
})

test('SIGTERM while a call hangs at Stripe and a stream is open: exit 0 before Stripe answers, the lease given back, the same key later', async () => {
  const service = spawnService(env)
  await service.listening
  const applicant = { email: 'a@example.com', name: 'A', company_name: 'A Ltd' }
  const session = (await send('POST', '/onboarding/start', applicant)).body.data
  const stream = await fetch(`${api}/onboarding/${session.session_id}/stream`, {
    headers: { Authorization: `Bearer ${session.session_token}` },
  })
  const reached = proxy.hold('POST', '/v1/customers', 'after')
  const step = () => send('POST', '/onboarding/step/create-customer', { session_id: session.session_id })
  const hanging = step()
  await reached

  service.child.kill('SIGTERM')
  expect(await hanging).toMatchObject({ status: 503, body: { error: { code: 'stripe_unavailable' } } })
  expect(await service.ended).toBe(0)
  await stream.text()
  expect(service.stderr()).toBe('')
  expect(service.stdout()).not.toMatch(/not open|destroyed/)

  const file = new Sqlite(join(directory, 'service.db'))
  const effect = file.prepare("select * from effects where kind = 'create_customer'").get()
  expect(effect).toMatchObject({ status: 'pending', claimed_until: null, claimed_by: null })
  file.close()

  const next = spawnService(env)
  await next.listening
  expect(await step()).toMatchObject({ status: 200 })
  next.child.kill('SIGTERM')
  expect(await next.ended).toBe(0)
  const response = await fetch(`${sandbox.url}/v1/customers`, {
    headers: { Authorization: 'Bearer sk_test_of_the_tests' },
  })
  expect(((await response.json()) as { data: unknown[] }).data).toHaveLength(1)
})

test('one Ctrl-C that comes twice, from the terminal and through npm, lets the service end in peace', async () => {
  const service = spawnService({ ...env, STRIPE_ENABLED: 'false' })
  await service.listening
  const slow = connect(Number(env.PORT), '127.0.0.1')
  slow.on('error', () => {})
  await once(slow, 'connect')
  slow.write('POST /api/v1/billing/webhooks HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{')
  service.child.kill('SIGINT')
  service.child.kill('SIGINT')
  expect(await service.ended).toBe(0)
})
