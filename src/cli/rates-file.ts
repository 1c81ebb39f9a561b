import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { type Rates, rate, type UsageType, usageTypes } from '../log/facts.ts'
import { Misuse } from './misuse.ts'

/**
 * Reads rates to try: a JSON object of `{usage_type: {rate_cents, per_units}}`, or of the settings' names with cents
 * (`{"BILLING_RATE_PER_CASE": 1200}`), or of both. What is left out stays as it is.
 * @throws Misuse
 */
export async function readRates(file: string): Promise<Partial<Rates>> {
  const parsed = ratesFile.safeParse(await readJson(file))
  if (!parsed.success)
    throw new Misuse(
      parsed.error.issues.map(({ path, message }) => `${file}: ${[...path, message].join(': ')}`).join('\n'),
    )
  const rates: Partial<Rates> = {}
  for (const [name, value] of Object.entries(parsed.data)) {
    if (value === undefined) continue
    const type = settings[name as keyof typeof settings] ?? (name as UsageType)
    if (rates[type] !== undefined) throw new Misuse(`${file} has the rate of ${type} twice`)
    rates[type] =
      typeof value === 'number' ? { rate_cents: value, per_units: type === 'api_call' ? 1000 : 1 } : value
  }
  if (Object.keys(rates).length === 0) throw new Misuse(`${file} has no rate`)
  return rates
}

/** The settings whose value is the rate; calls are priced by the thousand. */
const settings = {
  BILLING_RATE_PER_AGENT_MONTHLY: 'agent',
  BILLING_RATE_PER_USER_MONTHLY: 'user',
  BILLING_RATE_PER_CASE: 'case',
  BILLING_RATE_PER_EVENT_INGESTION: 'event_ingestion',
  BILLING_RATE_API_CALL: 'api_call',
  BILLING_RATE_PLATFORM_BASE: 'platform_base',
} as const satisfies Record<string, UsageType>

const optional = <T extends z.ZodType>(names: readonly string[], schema: T) =>
  Object.fromEntries(names.map((name) => [name, schema.optional()]))

const ratesFile = z.strictObject({
  ...optional(usageTypes, rate.strict()),
  ...optional(Object.keys(settings), z.int().min(0)),
})

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'))
  } catch (error) {
    if (error instanceof SyntaxError) throw new Misuse(`${file} is not JSON`)
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new Misuse(`there is no file ${file}`)
    throw error
  }
}
