import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { freePort } from '../support/free-port.ts'
import { type ServiceProcess, startProcess } from '../support/service-process.ts'

/** The guide's three lines, typed beside a service with its embedded sandbox: nothing else is configured. */
const stripeCommand = fileURLToPath(new URL('../../node_modules/.bin/stripe', import.meta.url))
let directory: string
let service: ServiceProcess
let apiBase: string
let listening: ChildProcess | undefined

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'stripe-listen-'))
  const [port, sandboxPort] = [await freePort(), await freePort()]
  apiBase = `http://127.0.0.1:${sandboxPort}`
  service = await startProcess({
    DATABASE_URL: `file:${join(directory, 'forensics.db')}`,
    PORT: String(port),
    STRIPE_SANDBOX_PORT: String(sandboxPort),
  })
})

afterAll(async () => {
  if (listening?.pid !== undefined && listening.exitCode === null) {
    process.kill(-listening.pid, 'SIGTERM')
    await once(listening, 'exit')
  }
  await service?.kill('SIGTERM')
  await rm(directory, { recursive: true, force: true })
})

const env = (): NodeJS.ProcessEnv => ({
  PATH: process.env.PATH,
  HOME: directory,
  XDG_CONFIG_HOME: directory,
  STRIPE_API_KEY: 'sk_test_123456789012',
  STRIPE_CLI_TELEMETRY_OPTOUT: '1',
})

test('what `stripe listen` forwards is signed with the secret that the service knows: no 400', async () => {
  const forwardTo = `${service.url}/api/v1/billing/webhooks`
  const child = spawn(
    stripeCommand,
    ['listen', '--all-snapshot', '--forward-to', forwardTo, '--api-base', apiBase],
    {
      env: env(),
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  listening = child
  let said = ''
  for (const output of [child.stdout, child.stderr])
    output.on('data', (chunk: Buffer) => {
      said += chunk.toString()
    })
  await vi.waitFor(() => expect(said).toContain('signing secret'), { timeout: 15_000 })
  for (const type of ['invoice.paid', 'invoice.payment_failed']) {
    const trigger = [stripeCommand, ['trigger', type, '--api-base', apiBase]] as const
    expect((await promisify(execFile)(...trigger, { env: env() })).stdout).toContain('Trigger succeeded')
    const forwarded = new RegExp(`--> ${type}[\\s\\S]*\\[200\\] POST`)
    await vi.waitFor(() => expect(said).toMatch(forwarded), { timeout: 15_000 })
  }
  expect(said).not.toMatch(/\[[345]\d\d\] POST|Failed to POST/)
})
