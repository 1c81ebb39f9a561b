import { invalidRequest } from './errors.ts'
import type { Pagination } from './parameters.ts'
import { present } from './present.ts'
import type { ObjectType, ObjectTypes, Query } from './store.ts'
import { mustFind, type Turn } from './turn.ts'

export type ListOf<T> = { object: 'list'; data: T[]; has_more: boolean; url: string }

/** A page in Stripe's shape, newest first. @throws StripeFailure for a bad limit or an unknown cursor */
export function listPage<K extends ObjectType>(
  turn: Turn,
  type: K,
  url: string,
  params: Pagination & { created?: Query<never>['created'] },
  query: Pick<Query<ObjectTypes[K]>, 'equal' | 'where'> = {},
): ListOf<ObjectTypes[K]> {
  const { starting_after: startingAfter, ending_before: endingBefore } = params
  if (startingAfter !== undefined && endingBefore !== undefined)
    throw invalidRequest('You may only specify one of these parameters: ending_before, starting_after.', {
      code: 'parameters_exclusive',
    })
  if (startingAfter !== undefined) mustFind(turn, type, startingAfter, 'starting_after')
  if (endingBefore !== undefined) mustFind(turn, type, endingBefore, 'ending_before')
  const limit = checkedLimit(params.limit)
  const { data, hasMore } = turn.store.list(type, {
    ...query,
    created: params.created,
    limit,
    startingAfter,
    endingBefore,
  })
  return { object: 'list', data: data.map((object) => present(object, turn.now)), has_more: hasMore, url }
}

/** A page of a list that is kept inside its object, in its own order. */
export function pageOf<T extends { id: string }>(items: T[], url: string, params: Pagination): ListOf<T> {
  const limit = checkedLimit(params.limit)
  const after = params.starting_after ? items.findIndex((item) => item.id === params.starting_after) + 1 : 0
  const before = params.ending_before
    ? items.findIndex((item) => item.id === params.ending_before)
    : items.length
  const start = params.ending_before ? Math.max(0, before - limit) : after
  const data = items.slice(start, Math.min(start + limit, before))
  return { object: 'list', data, has_more: params.ending_before ? start > 0 : start + limit < before, url }
}

function checkedLimit(limit = 10): number {
  if (limit >= 1 && limit <= 100) return limit
  const bound = limit < 1 ? 'greater than or equal to 1' : 'less than or equal to 100'
  throw invalidRequest(`This value must be ${bound}.`, { code: 'parameter_invalid_integer', param: 'limit' })
}
