import type { UsageType } from '../model.ts'
import type { Teller, Told } from './telling.ts'

/** Usage, what operators decided on it, and the rate cards. */
export const usageEntries = (): Teller => (fact) => {
  const { type, data, occurred_at } = fact
  switch (type) {
    case 'rates.card_set':
      return [
        {
          kind: 'rate_card',
          effectiveAt: Date.parse(data.effective_at),
          currency: data.currency,
          release: releaseOf(data.release),
          rates: ratesOf(data.rates),
        },
      ]
    case 'usage.recorded':
      return [
        {
          kind: 'usage',
          record: data.record_id,
          occurredAt: Date.parse(occurred_at),
          type: data.usage_type,
          action: data.action,
          quantity: data.quantity,
        },
      ]
    case 'usage.voided':
      return [{ kind: 'usage_void', record: data.record_id }]
    case 'usage.claimed':
      return [{ kind: 'usage_claim', type: data.usage_type }]
    case 'usage.forgiven':
      return [{ kind: 'usage_forgive', type: data.usage_type, window: null }]
    case 'usage.released':
      return [{ kind: 'usage_release', type: data.usage_type, window: Date.parse(data.window_start) }]
    case 'usage.line_asked':
      // An operator's word on a whole window is in the log as lines on no invoice.
      return data.kind === 'forgiven'
        ? [{ kind: 'usage_forgive', type: data.usage_type, window: Date.parse(data.window_start) }]
        : []
    default:
      return []
  }
}

/** `1.2.3`, as a number that grows from release to release. */
function releaseOf(version: string): number {
  const [major = 0, minor = 0, patch = 0] = version
    .split(/[.+-]/)
    .map((part) => Number.parseInt(part, 10) || 0)
  return (major * 1_000 + minor) * 1_000 + patch
}

type Rates = Extract<Told, { kind: 'rate_card' }>['rates']

function ratesOf(rates: Record<UsageType, { rate_cents: number; per_units: number }>): Rates {
  const of = (type: UsageType) => ({ cents: rates[type].rate_cents, per: rates[type].per_units })
  return {
    agent: of('agent'),
    user: of('user'),
    case: of('case'),
    event_ingestion: of('event_ingestion'),
    api_call: of('api_call'),
    platform_base: of('platform_base'),
  }
}
