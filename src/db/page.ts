import { InvalidRequest } from '../errors.ts'
import { textProblem } from './text.ts'

/** `cursor` as the page before gave it. */
export type PageQuery = { limit: number; cursor?: string | undefined }
export type Page<T> = { items: T[]; next_cursor: string | null }

/** Where the page before ended: the time of its last row, and the row's id for those of one time. */
export type Cursor = { createdAt: string; id: string }

/** @throws InvalidRequest */
export function readCursor(cursor: string | undefined): Cursor | undefined {
  if (cursor === undefined) return undefined
  const decoded = Buffer.from(cursor, 'base64url').toString()
  const [createdAt, id, ...rest] = decoded.split(' ')
  if (!createdAt || !id || rest.length > 0 || textProblem(decoded) !== undefined)
    throw new InvalidRequest([{ path: 'cursor', message: 'must be the next_cursor of an earlier page' }])
  return { createdAt, id }
}

/** @param rows one more than the limit, if there is one: it says that there is a next page */
export function pageOf<T extends { created_at: string }>(
  rows: readonly T[],
  limit: number,
  idOf: (row: T) => string,
): Page<T> {
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  const hasMore = rows.length > limit && last !== undefined
  return {
    items,
    next_cursor: hasMore ? Buffer.from(`${last.created_at} ${idOf(last)}`).toString('base64url') : null,
  }
}
