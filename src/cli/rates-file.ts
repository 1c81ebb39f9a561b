import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { tableOf } from '../db/keys-of.ts'
import { codeOf } from '../db/private-file.ts'
import { type Rates, rate, type UsageType, usageTypes } from '../log/facts.ts'
import type { Prices } from '../ops/supposed.ts'
import { Misuse } from './misuse.ts'

/**
 * Reads rates to try: a JSON object of `{usage_type: {rate_cents, per_units}}`, or of the settings' names with cents
 * (`{"BILLING_RATE_PER_CASE": 1200}`), or of both; and as `plans`, of `{price_id: cents}`. What is left out stays as it is.
 * @throws Misuse
 */
export async function readRates(file: string): Promise<Prices> {
  const parsed = ratesFile.safeParse(await readJson(file))
  if (!parsed.success)
    throw new Misuse(
      parsed.error.issues.map(({ path, message }) => `${file}: ${[...path, message].join(': ')}`).join('\n'),
    )
  const rates: Partial<Rates> = {}
  for (const type of usageTypes) {
    const cents = parsed.data[settings[type]]
    const given = parsed.data[type]
    if (cents !== undefined && given !== undefined) throw new Misuse(`${file} has the rate of ${type} twice`)
    if (given !== undefined) rates[type] = given
    if (cents !== undefined) rates[type] = { rate_cents: cents, per_units: type === 'api_call' ? 1000 : 1 }
  }
  const { plans = {} } = parsed.data
  if (Object.keys(rates).length + Object.keys(plans).length === 0)
    throw new Misuse(`${file} has no rate and no plan`)
  return { rates, plans }
}

/** The settings whose value is the rate; calls are priced by the thousand. */
const settings = {
  agent: 'BILLING_RATE_PER_AGENT_MONTHLY',
  user: 'BILLING_RATE_PER_USER_MONTHLY',
  case: 'BILLING_RATE_PER_CASE',
  event_ingestion: 'BILLING_RATE_PER_EVENT_INGESTION',
  api_call: 'BILLING_RATE_API_CALL',
  platform_base: 'BILLING_RATE_PLATFORM_BASE',
} as const satisfies Record<UsageType, string>

const ratesFile = z.strictObject({
  ...tableOf(usageTypes, () => rate.strict().optional()),
  ...tableOf(Object.values(settings), () => z.int().min(0).optional()),
  plans: z.record(z.string(), z.int().min(0)).optional(),
})

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'))
  } catch (error) {
    if (error instanceof SyntaxError) throw new Misuse(`${file} is not JSON`)
    if (codeOf(error) === 'ENOENT') throw new Misuse(`there is no file ${file}`)
    throw error
  }
}
