import type { UsageType } from '../db/usage-types.ts'
import type { Due } from './lines.ts'

/** A line as the customer reads it on the invoice: which month it is for, and how much. */
export function lineText({ window, type, quantity }: Due, cents: bigint): string {
  const month = `${day(window.starts_at)} to ${day(window.ends_at)}`
  const amount = type === 'platform_base' && quantity <= 1n ? '' : `: ${quantity}`
  return `${names[type]}, ${month}${amount}${cents < 0n ? ' (credit)' : ''}`
}

const day = (time: string) =>
  new Date(time).toLocaleDateString('en-GB', {
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    timeZone: 'UTC',
  })

const names: Record<UsageType, string> = {
  agent: 'Agents',
  user: 'Users',
  case: 'Cases',
  event_ingestion: 'Events ingested',
  api_call: 'API calls',
  platform_base: 'Platform base',
}
