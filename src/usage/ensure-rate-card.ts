import packageJson from '../../package.json' with { type: 'json' }
import type { Config } from '../config.ts'
import type { AppContext } from '../context.ts'
import { canonicalJson } from '../log/canonical-json.ts'
import { type Rates, rates as ratesSchema, streams, usageTypes } from '../log/facts.ts'
import { factOf } from '../log/read.ts'
import { compareReleases } from '../pricing/release.ts'

/**
 * Appends `rates.card_set` when the configured rates or the currency differ from the last card in the log. The first
 * card holds since ever, so that usage of the days before the first start has a price; later ones hold from now on. A
 * release that is older than the one that set the last card sets none: one that starts again, by mistake or for an hour,
 * does not bring its prices back.
 */
export async function ensureRateCard(
  { transact }: Pick<AppContext, 'transact'>,
  config: Pick<Config, 'rates' | 'currency'>,
  release = packageJson.version,
): Promise<void> {
  const configured = { rates: ratesOf(config), currency: config.currency }
  await transact({ actor: 'startup' }, async (turn) => {
    const row = await turn.trx
      .selectFrom('billing_events')
      .selectAll()
      .where('stream', '=', streams.rates)
      .orderBy('version', 'desc')
      .limit(1)
      .executeTakeFirst()
    const last = row === undefined ? undefined : factOf(row)
    if (last?.type === 'rates.card_set') {
      const { rates, currency } = last.data
      if (compareReleases(release, last.data.release) < 0) return
      if (canonicalJson({ rates, currency }) === canonicalJson(configured)) return
    }
    const version = last?.version ?? 0
    const rate_card_id = `rates_${version + 1}`
    const effective_at = version === 0 ? sinceEver : turn.now
    await turn.record(
      streams.rates,
      [
        {
          fact_id: rate_card_id,
          type: 'rates.card_set',
          tenant_id: null,
          data: { rate_card_id, ...configured, effective_at, release },
        },
      ],
      version,
    )
  })
}

const sinceEver = '1970-01-01T00:00:00.000Z'

function ratesOf({ rates }: Pick<Config, 'rates'>): Rates {
  const per = (usageType: string) => (usageType === 'api_call' ? 1000 : 1)
  return ratesSchema.parse(
    Object.fromEntries(usageTypes.map((type) => [type, { rate_cents: rates[type], per_units: per(type) }])),
  )
}
