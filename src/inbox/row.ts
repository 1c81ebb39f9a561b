import type { Reader } from '../db/tables.ts'
import { isStripeObjectType, objectTypes } from '../stripe/object-types.ts'

/** What an object's row shows: since when (Stripe's time, unix seconds), by which fact. Undefined: it has none. */
export async function rowOf(
  reader: Reader,
  objectType: string,
  id: string,
): Promise<{ as_of: number; last_position: number } | undefined> {
  const row = isStripeObjectType(objectType) ? objectTypes[objectType].row : null
  if (row === null) return undefined
  return reader
    .selectFrom(row.table)
    .select(['as_of', 'last_position'])
    .where(reader.dynamic.ref(row.key), '=', id)
    .executeTakeFirst()
}
