import { type Entry, type History, type Instant, ownInvoice, type UsageType } from './history.ts'
import type { Line } from './lines.ts'

export type WithoutPosition<E> = E extends Entry ? Omit<E, 'position'> : never
export type Told = WithoutPosition<Entry>

/** Entries that are told in any order, each with its place by the time at which it was recorded. */
export function historyOf(...told: readonly (Told | readonly Told[])[]): History {
  return told
    .flat()
    .sort((a, b) => a.at - b.at)
    .map((entry, position) => ({ ...entry, position }))
}

/** `2026-02-01`, `2026-02-01T00:30`: UTC. */
export function at(text: string): Instant {
  const instant = Date.parse(text.includes('T') ? `${text}:00Z` : text)
  if (Number.isNaN(instant)) throw new Error(`no time: ${text}`)
  return instant
}

/** The guide's rates: $50 an agent, $25 a user, $10 a case, a cent an event, 10 cents for 1000 calls, $100 base. */
export function card(change: Partial<Extract<Told, { kind: 'rate_card' }>> = {}): Told {
  const each = (cents: number, per = 1) => ({ cents, per })
  return {
    kind: 'rate_card',
    at: at('2025-01-01'),
    effectiveAt: at('2025-01-01'),
    currency: 'usd',
    release: 1,
    rates: {
      agent: each(5_000),
      user: each(2_500),
      case: each(1_000),
      event_ingestion: each(1),
      api_call: each(10, 1_000),
      platform_base: each(10_000),
    },
    ...change,
  }
}

/** Usage that occurred then, and was recorded then or later. Its record is named by type, action, quantity and time. */
export function used(type: UsageType, quantity: number, occurred: string, recorded = occurred): Told {
  return usage('increment', type, quantity, at(occurred), at(recorded))
}

export function setTo(type: UsageType, quantity: number, occurred: string, recorded = occurred): Told {
  return usage('set', type, quantity, at(occurred), at(recorded))
}

export function usage(
  action: 'increment' | 'set',
  type: UsageType,
  quantity: number,
  occurredAt: Instant,
  recordedAt: Instant,
): Told {
  const record = `${type} ${action} ${quantity} ${new Date(occurredAt).toISOString()}`
  return { kind: 'usage', record, type, action, quantity, occurredAt, at: recordedAt }
}

export function voided(usage: Told, when: string): Told {
  if (usage.kind !== 'usage') throw new Error('only usage can be voided')
  return { kind: 'usage_void', record: usage.record, at: at(when) }
}

/** `2026-02-01`, or `2026-02-01T01:00` where it is not midnight. */
export function textOf(when: Instant): string {
  return new Date(when).toISOString().slice(0, 16).replace('T00:00', '')
}

/** Every line that counts as charged or lies on an invoice, as `2026-01-01 case 3000 on sub_1 2026-02-01`. */
export function lineTexts(lines: readonly Line[]): string[] {
  return lines
    .filter(({ chargedCents, itemCents }) => chargedCents !== 0n || itemCents !== 0n)
    .map(
      ({ window, type, cents, invoice, creditNote }) =>
        `${textOf(window)} ${type} ${cents} ${creditNote ? 'noted' : 'on'} ${invoice}`,
    )
}

/** `own:sub_1:2026-02-01T01:00:00.000Z` */
export function ours(id: string, when: string): string {
  return ownInvoice(id, at(when))
}
