import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { adminKey } from '../support/requests.ts'
import { startProcess } from '../support/service-process.ts'

const applicant = (name: string) => ({ email: `${name}@example.com`, name, company_name: 'A' })

/** On a connection of its own, which is opened for it. */
function coldPost(url: string, body: unknown): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const headers = { 'X-API-Key': adminKey, 'Content-Type': 'application/json' }
    const sent = request(url, { method: 'POST', agent: false, headers }, (reply) => {
      reply.resume().on('end', () => resolve(reply.statusCode))
    })
    sent.on('error', reject).end(JSON.stringify(body))
  })
}

test('64 cold clients that start are served in their turn, while others write without a pause', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'stepledger-fair-'))
  const service = await startProcess({
    PORT: '0',
    DATABASE_URL: `file:${join(directory, 'service.db')}`,
    STRIPE_ENABLED: 'false',
  })
  try {
    const { body: first } = await service.request('POST', '/onboarding/start', applicant('first'))
    const usage = { tenant_id: (first.data ?? first).tenant_id, usage_type: 'case', quantity: 1 }
    let isRunning = true
    const served = Array.from({ length: 32 }, () => 0)
    const warm = served.map(async (_, client) => {
      while (isRunning) {
        expect((await service.request('POST', '/billing/usage', usage)).status).toBe(200)
        served[client] = (served[client] ?? 0) + 1
      }
    })
    while (served.some((count) => count < 2)) await Promise.race([sleep(5), Promise.all(warm)])
    const before = [...served]
    const cold = Array.from({ length: 64 }, (_, serial) =>
      coldPost(`${service.url}/api/v1/onboarding/start`, applicant(`cold${serial}`)),
    )
    for (const status of await Promise.all(cold)) expect(status).toBe(200)
    // What came later than the last of them was not served before it again and again.
    const meanwhile = served.map((count, client) => count - (before[client] ?? 0))
    expect(Math.max(...meanwhile)).toBeLessThanOrEqual(16)
    isRunning = false
    await Promise.all(warm)
  } finally {
    await service.kill('SIGTERM')
    await rm(directory, { recursive: true, force: true })
  }
})
