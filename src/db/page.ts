import { type SelectQueryBuilder, sql } from 'kysely'
import { z } from 'zod'
import { InvalidRequest } from '../errors.ts'
import { textProblem } from './text.ts'

/** The query of a list. `cursor` as the page before gave it. */
export const PageQuery = z.object({
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(100)
    .default(20)
    .meta({ param: { description: 'Items of a page, 1 to 100' } }),
  cursor: z
    .string()
    .min(1)
    .max(512)
    .optional()
    .meta({ param: { description: '`next_cursor` of the page before' } }),
})
export type PageQuery = z.infer<typeof PageQuery>

/** The reply of a list: `next_cursor` goes into `cursor` for the next page, null after the last. */
export const listOf = <S extends z.ZodType>(item: S) =>
  z.object({ items: z.array(item), next_cursor: z.string().nullable() })
export type Page<T> = { items: T[]; next_cursor: string | null }

/**
 * A page of what a query selects, newest first. The cursor is where the page before ended: the time of its last row,
 * and the row's id for those of one time.
 * @param key the column of the id
 * @throws InvalidRequest on `cursor`
 */
export async function pageOf<DB, TB extends keyof DB, Row extends { created_at: string }, Item = Row>(
  query: SelectQueryBuilder<DB, TB, Row>,
  { limit, cursor }: PageQuery,
  key: keyof Row & string,
  show: (row: Row) => Item | Promise<Item>,
): Promise<Page<Item>> {
  const [createdAt, id] = [sql.ref('created_at'), sql.ref(key)]
  const after = cursor === undefined ? undefined : readCursor(cursor)
  const left =
    after === undefined ? query : query.where(sql<boolean>`(${createdAt}, ${id}) < (${sql.join(after)})`)
  // One more than the limit: it says that there is a next page.
  const found = await left
    .orderBy(createdAt, 'desc')
    .orderBy(id, 'desc')
    .limit(limit + 1)
    .execute()
  const rows = found.slice(0, limit)
  const last = rows.at(-1)
  const hasMore = found.length > limit && last !== undefined
  return {
    items: await Promise.all(rows.map(show)),
    next_cursor: hasMore ? Buffer.from(`${last.created_at} ${last[key]}`).toString('base64url') : null,
  }
}

function readCursor(cursor: string): string[] {
  const decoded = Buffer.from(cursor, 'base64url').toString()
  const parts = decoded.split(' ')
  if (parts.length !== 2 || parts.includes('') || textProblem(decoded) !== undefined) throw badCursor()
  return parts
}

export const badCursor = () =>
  new InvalidRequest([{ path: 'cursor', message: 'must be the next_cursor of an earlier page' }])
