import { sql } from 'kysely'
import type { Tables, Trx } from '../db/tables.ts'
import type { Fact, FactType } from '../log/facts.ts'
import { type Sighting, type SightingType, sightingIn } from '../log/sighting.ts'
import type { Snapshot } from '../session/session.ts'
import type { StripeObjectType } from '../stripe/object-types.ts'

/**
 * One table as a fold of the log. The functions read nothing but the fact and the projected tables of `trx`: no
 * clock, no network, no environment, so that a replay gives the same bytes. They never refuse a fact.
 */
export type Projection = {
  table: keyof Tables
  primaryKey: string
  /** What persons gave, or Stripe says of them: null once the tenant was erased. */
  personalColumns?: readonly string[]
  /** Its rows are there only where what is personal can be read: without the key there is nothing to compare. */
  isPersonal?: boolean
  on: { [T in FactType]?: (trx: Trx, fact: Fact<T>, snapshot?: Snapshot) => Promise<void> }
  /** What comes by the hundred in a row, at once: with the same end as one by one. No other table's fold may need the rows between. */
  runs?: { [T in FactType]?: (trx: Trx, run: readonly Fact<T>[]) => Promise<void> }
}

/** The three facts that carry an object of Stripe's, as one handler. */
export function onStripeObject<T extends StripeObjectType>(
  types: readonly T[],
  apply: (trx: Trx, sighting: Sighting<T>) => Promise<void>,
): Projection['on'] {
  const applySighting = async (trx: Trx, fact: Fact<SightingType>) => {
    const sighting = sightingIn(trx, fact, types)
    if (sighting?.disposition === 'applied') await apply(trx, sighting)
  }
  return {
    'stripe.event_received': applySighting,
    'stripe.event_released': applySighting,
    'stripe.object_observed': applySighting,
  }
}

/**
 * Whether a sighting replaces what a row shows. Webhooks come in any order, and their time has whole seconds: an
 * event must be newer than the row, and what the API answered wins over an event of the same second, because whoever
 * found two events of one second asked the API.
 */
export function supersedes(sighting: Sighting, row: { as_of: number } | undefined): boolean {
  if (row === undefined) return true
  return sighting.event === null ? sighting.asOf >= row.as_of : sighting.asOf > row.as_of
}

/** Unix seconds as UTC ISO 8601 with milliseconds. */
export function isoTime(seconds: number): string
export function isoTime(seconds: number | null | undefined): string | null
export function isoTime(seconds: number | null | undefined): string | null {
  return seconds === null || seconds === undefined ? null : new Date(seconds * 1000).toISOString()
}

/** The tenant was erased: its personal columns are empty from here on. */
export const forget = (table: keyof Tables, personalColumns: readonly string[]): Projection['on'] => ({
  'tenant.erased': async (trx, { tenant_id, position }) => {
    const nothing = personalColumns.map((column) => sql`${sql.ref(column)} = null`)
    await sql`update ${sql.table(table)} set ${sql.join(nothing)}, last_position = ${position}
      where tenant_id = ${tenant_id}`.execute(trx)
  },
})
