import { type Flag, flag } from '../db/tables.ts'
import type { Sighting } from '../log/sighting.ts'
import { isoTime, supersedes } from './projection.ts'
import { memberOf, timeOf } from './read-value.ts'

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
 * @param content what the sighting says, as columns
 */
export function nextRow<Content extends object>(
  sighting: Sighting,
  row: (Content & Folded) | undefined,
  content: Content,
): (Content & Folded) | undefined {
  const is_deleted = flag(sighting.isDeleted || row?.is_deleted === 1)
  if (row === undefined || (!isStub(sighting) && supersedes(sighting, row)))
    return { ...content, ...mirrorOf(sighting), is_deleted }
  if (is_deleted === row.is_deleted) return undefined
  return { ...row, is_deleted, last_position: sighting.position }
}

/**
 * The row of an object whose id may be used again once it is deleted, such as a coupon's. The same id made later is
 * another object, and the row is the latest one's. Of two that were made in one second, the one that is not deleted is
 * the later one; `isSame` tells them apart.
 */
export function nextReusableRow<Content extends object>(
  sighting: Sighting,
  row: (Content & Folded) | undefined,
  content: Content,
  isSame: (row: Content & Folded) => boolean,
): (Content & Folded) | undefined {
  const isEmpty = row !== undefined && row.as_of === 0
  if (isStub(sighting)) {
    // Empty, with the time of the deletion: what was made later is not what was deleted.
    if (row === undefined)
      return { ...content, ...mirrorOf(sighting), updated_at: isoTime(sighting.asOf), is_deleted: 1 }
    const wasMadeLater = sighting.asOf > 0 && row.created_at > isoTime(sighting.asOf)
    return wasMadeLater ? undefined : nextRow(sighting, row, content)
  }
  const madeAt = timeOf(memberOf(sighting.object, 'created'))
  if (row === undefined || madeAt === null) return nextRow(sighting, row, content)
  if (isEmpty) return nextRow(sighting, madeAt > row.updated_at ? undefined : row, content)
  if (madeAt === row.created_at && isSame(row)) return nextRow(sighting, row, content)
  const isLater =
    madeAt === row.created_at
      ? !sighting.isDeleted && (row.is_deleted === 1 || sighting.event === null)
      : madeAt > row.created_at
  return isLater ? nextRow(sighting, undefined, content) : undefined
}

/** What Stripe answers for a deleted object: its id and nothing more. */
export function isStub(sighting: Sighting): boolean {
  return sighting.isDeleted && timeOf(memberOf(sighting.object, 'created')) === null
}

/** A stub shows nothing, so that any content that comes after it is newer. */
export function mirrorOf(sighting: Sighting): Omit<Folded, 'is_deleted'> {
  const asOf = isStub(sighting) ? 0 : sighting.asOf
  return {
    as_of: asOf,
    created_at: timeOf(memberOf(sighting.object, 'created')) ?? isoTime(asOf),
    updated_at: isoTime(asOf),
    last_position: sighting.position,
  }
}
