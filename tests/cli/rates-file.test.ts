import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Misuse } from '../../src/cli/misuse.ts'
import { readRates } from '../../src/cli/rates-file.ts'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'stepledger-rates-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

const read = async (text: string) => {
  const file = join(directory, 'rates.json')
  await writeFile(file, text)
  return readRates(file)
}

test('rates are taken by type, and by the names of the settings', async () => {
  const text =
    '{"case": {"rate_cents": 3, "per_units": 2}, "BILLING_RATE_API_CALL": 12, "BILLING_RATE_PER_USER_MONTHLY": 7}'
  expect(await read(text)).toEqual({
    rates: {
      case: { rate_cents: 3, per_units: 2 },
      api_call: { rate_cents: 12, per_units: 1000 },
      user: { rate_cents: 7, per_units: 1 },
    },
    plans: {},
  })
})

test('plans are taken by the ids of their prices, with rates or alone', async () => {
  expect(await read('{"plans": {"price_basic_monthly": 5900}}')).toEqual({
    rates: {},
    plans: { price_basic_monthly: 5900 },
  })
})

test.each([
  ['an unknown type', '{"cases": 3}', 'cases'],
  ['half a rate', '{"case": {"rate_cents": 3}}', 'per_units'],
  ['a negative rate', '{"BILLING_RATE_PER_CASE": -3}', 'BILLING_RATE_PER_CASE'],
  [
    'one rate by both of its names',
    '{"BILLING_RATE_PER_CASE": 3, "case": {"rate_cents": 3, "per_units": 1}}',
    'twice',
  ],
  ['nothing', '{}', 'has no rate and no plan'],
  ['a price of a plan that is no number', '{"plans": {"price_a": "59"}}', 'price_a'],
  ['no JSON', 'case: 3', 'is not JSON'],
])('rates with %s are refused', async (_, text, message) => {
  const refused = read(text)
  await expect(refused).rejects.toThrow(message)
  await expect(refused).rejects.toBeInstanceOf(Misuse)
})
