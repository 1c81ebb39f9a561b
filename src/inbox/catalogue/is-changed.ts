import type { Reader } from '../../db/tables.ts'
import { canonicalJson } from '../../log/canonical-json.ts'
import { factOf } from '../../log/read.ts'
import { sightingIn } from '../../log/sighting.ts'
import { idOf } from '../../projections/read-value.ts'
import type { Observation } from '../../stripe/gateway.ts'
import { rowOf } from '../row.ts'

/** Whether an object that is sold differs from what the log has last about it: else there is nothing to be recorded. */
export async function isChanged(
  reader: Reader,
  { objectType, objectId, object }: Observation,
): Promise<boolean> {
  const row = await rowOf(reader, objectType, objectId)
  if (row === undefined) return true
  const last = await reader
    .selectFrom('billing_events')
    .selectAll()
    .where('position', '=', row.last_position)
    .executeTakeFirstOrThrow()
  const recorded = await sightingIn(reader, factOf(last))?.whole()
  return !recorded || canonicalJson(flat(recorded)) !== canonicalJson(flat(object))
}

/** With ids where Stripe was asked to show the objects themselves: how it was asked makes no difference. */
function flat(object: Observation['object']): object {
  if (!('promotion' in object)) return object
  return { ...object, promotion: { ...object.promotion, coupon: idOf(object.promotion.coupon) } }
}
