import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freePort } from './support/free-port.ts'
import { adminKey } from './support/requests.ts'
import { type ServiceProcess, startProcess } from './support/service-process.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
let directory: string
let service: ServiceProcess
let settings: Record<string, string>
let occupied: Server[]

beforeAll(async () => {
  occupied = await Promise.all([8080, 12_111].map(occupy))
  directory = await mkdtemp(join(tmpdir(), 'readme-'))
  settings = {
    DATABASE_URL: `file:${join(directory, 'forensics.db')}`,
    PORT: String(await freePort()),
    STRIPE_SANDBOX_PORT: String(await freePort()),
  }
  service = await startProcess(settings)
})
afterAll(async () => {
  await service?.kill('SIGTERM')
  for (const server of occupied ?? []) server.close()
  await rm(directory, { recursive: true, force: true })
})

/** Taken by this test, or by whatever has it already. */
async function occupy(port: number): Promise<Server> {
  const server = createServer((socket) => socket.destroy())
  server.on('error', () => {})
  server.listen(port, '127.0.0.1')
  await Promise.race([once(server, 'listening'), once(server, 'error').catch(() => {})])
  return server
}

test('the README’s blocks, pasted into a shell beside a service on other ports, lead to a subscribed tenant', async () => {
  const readme = await readFile(join(root, 'README.md'), 'utf8')
  const blocks = [...readme.matchAll(/```bash\n([\s\S]*?)```/g)].map(([, block = '']) => block)
  expect(blocks).toHaveLength(4)
  const pasted = blocks.join('\n').replace('KEY=slk_...', `KEY=${adminKey}`)
  const { stdout } = await promisify(execFile)('bash', ['-e', '-c', pasted], {
    cwd: root,
    env: { PATH: process.env.PATH, HOME: directory, ...settings },
  })
  expect(stdout).not.toContain('"success":false')
  expect(stdout).toContain('"message":"Onboarding completed! Your account is ready."')
  expect(stdout).toContain('"discount_cents":14950')
  expect(stdout).toMatch(/"has_active_subscription":true.*"payment_method_configured":true/)
  expect(stdout).toMatch(/onboarding\.completed +key:/)
  expect(stdout).toMatch(/onboarding_sessions \S+ status = completed/)
  expect(stdout).toContain('The tables are what the log says')
  expect(stdout).toMatch(/facts in \d+ streams to position \d+: no fault/)
  expect(stdout, 'the trial and a month later').toMatch(/"billing_reason":"subscription_cycle"/)
})
