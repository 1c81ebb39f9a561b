import type { Chance } from '../chance.ts'
import { addMonths } from '../model.ts'
import { type Deed, day, hour, minute, type Step } from './deeds.ts'

/**
 * A month of usage of all types: at any time, and close to the edges of a month of service, where it is decided which
 * invoice it is on; told at once or up to 35 days late; some of it voided again; now and then more than Stripe takes.
 * @param span unix seconds
 * @param anchor unix seconds, from which months of service are counted
 */
export function usageIn(
  chance: Chance,
  { tenant, from, to, anchor }: { tenant: number; from: number; to: number; anchor: number },
): Step[] {
  return Array.from({ length: chance.between(1, 7) }, () => {
    const edge = edgeIn(from, to, anchor)
    const at =
      edge !== undefined && chance.happens(0.3)
        ? Math.min(to, Math.max(from, edge + chance.between(-90, 100) * minute + chance.between(1, 59)))
        : chance.between(from, to)
    const used: Step[] = [{ at, tenant, deed: useOf(chance) }]
    if (chance.happens(0.12))
      used.push({
        at: at + chance.between(1, 40 * 24) * hour,
        tenant,
        deed: { do: 'void_usage', pick: chance.fraction() },
      })
    return used
  }).flat()
}

function useOf(chance: Chance): Deed {
  const type = chance.oneOf(['agent', 'user', 'case', 'case', 'event_ingestion', 'api_call', 'platform_base'])
  const level = type === 'agent' || type === 'user'
  const minutesAgo = chance.happens(0.55) ? 0 : chance.between(1, 35 * 24 * 60 - 5)
  // Usage of the base is rare: it stands in place of the automatic one.
  if (type === 'platform_base' && chance.happens(0.8)) return useOf(chance)
  const action = chance.happens(level ? 0.7 : type === 'platform_base' ? 0 : 0.15) ? 'set' : 'increment'
  if (type === 'case' && chance.happens(0.02))
    return { do: 'use', type, action, quantity: 150_000, minutesAgo }
  const quantity = action === 'set' && chance.happens(0.2) ? 0 : chance.between(1, largest[type])
  return { do: 'use', type, action, quantity, minutesAgo }
}

const largest = {
  agent: 20,
  user: 60,
  case: 40,
  event_ingestion: 30_000,
  api_call: 250_000,
  platform_base: 3,
}

/** The edge of a month of service that lies in the span. */
function edgeIn(from: number, to: number, anchor: number): number | undefined {
  const months = Math.round((from - anchor) / (30 * day))
  return [months - 1, months, months + 1, months + 2]
    .map((count) => addMonths(anchor * 1000, count) / 1000)
    .find((edge) => from <= edge && edge <= to)
}
