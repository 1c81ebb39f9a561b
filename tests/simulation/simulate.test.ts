import { expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { serve } from '../../src/main.ts'
import { simulate } from '../../src/simulation/simulate.ts'
import { freePort } from '../../src/simulation/world/child-service.ts'
import type { StartService } from '../../src/simulation/world/world.ts'

/** In this process: it cannot be killed, so no run of these kills it. */
const startHere: StartService = async (environment) => {
  const { url, stop } = await serve(readConfig(environment))
  return { url, stop, kill: stop }
}

test.each([177, 298, 300])(
  'with webhooks lost, doubled, late and refused, every number of each month is the model’s: seed %i',
  async (seed) => {
    const report = await simulate({
      ...{ seed, tenants: 3, months: 3, kills: false },
      ...{ startService: startHere, port: await freePort() },
    })
    expect(report.off, report.history.join('\n')).toEqual([])
    expect(report.webhooks.lost).toBeGreaterThan(0)
    expect(report.webhooks.doubled).toBeGreaterThan(0)
    expect(report.money.reduce((sum, { money }) => sum + money.billed, 0)).toBeGreaterThan(0)
  },
)
