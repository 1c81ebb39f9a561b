import { type Flag, flag } from '../db/tables.ts'
import { isoTime, type Sighting, supersedes } from './projection.ts'
import { timeOf } from './read-value.ts'

type Folded = {
  is_deleted: Flag
  as_of: number
  created_at: string
  updated_at: string
  last_position: number
}

/**
 * The row of an object that can be deleted, after a sighting; undefined when the sighting changes nothing. The newest
 * content is shown, and deleted once is deleted for good: a maximum and an OR, so the order of arrival is all one.
 * @param shown what the sighting says, as columns
 */
export function nextRow<Shown extends object>(
  sighting: Sighting,
  row: (Shown & Folded) | undefined,
  shown: Shown,
): (Shown & Folded) | undefined {
  const is_deleted = flag(sighting.isDeleted || row?.is_deleted === 1)
  if (row === undefined || (!isStub(sighting) && supersedes(sighting, row)))
    return { ...shown, ...mirrorOf(sighting), is_deleted }
  if (is_deleted === row.is_deleted) return undefined
  return { ...row, is_deleted, last_position: sighting.position }
}

/** What Stripe answers for a deleted object: its id and nothing more. */
export function isStub(sighting: Sighting): boolean {
  return sighting.isDeleted && timeOf(sighting.object.created) === null
}

/** A stub shows nothing, so that any content that comes after it is newer. */
export function mirrorOf(sighting: Sighting): Omit<Folded, 'is_deleted'> {
  const asOf = isStub(sighting) ? 0 : sighting.asOf
  return {
    as_of: asOf,
    created_at: timeOf(sighting.object.created) ?? isoTime(asOf),
    updated_at: isoTime(asOf),
    last_position: sighting.position,
  }
}
