import type Stripe from 'stripe'
import type { z } from 'zod'
import { listPage } from './lists.ts'
import { mergeMetadata, type OptionalShape, optional, type Pagination, pagination } from './parameters.ts'
import { type Call, type Extra, type NoShape, type Route, route } from './routes.ts'
import type { ObjectType, ObjectTypes, Query, StoredObject } from './store.ts'
import { change, mustFind, type Turn } from './turn.ts'

type Shape = z.ZodRawShape
type Params<S extends Shape> = z.output<z.ZodObject<S>>
type Wanted<S extends Shape> = Omit<Params<OptionalShape<S>>, 'created'>
/** `since`: nothing older, in unix seconds. */
type Filter<T> = Pick<Query<T>, 'equal' | 'where'> & { since?: number }

/** The fields of an object that a request gives; metadata is merged key by key, and null clears it. */
export type Given<T> = {
  [F in keyof T]?: F extends 'metadata' ? Stripe.Metadata | null | undefined : T[F] | undefined
}

/**
 * The routes that resources have in common, under `path`; a resource adds what is its own.
 * `show` is for what depends on other objects at the moment of the answer.
 */
export function resource<K extends ObjectType>(
  type: K,
  path: `/v1/${string}`,
  show: (turn: Turn, object: ObjectTypes[K]) => ObjectTypes[K] = (_turn, object) => object,
) {
  type T = ObjectTypes[K]
  const find = (call: Call<unknown>) => mustFind(call, type, call.id)
  return {
    create: <S extends Shape, O extends Shape = NoShape, B extends Shape = NoShape>(
      shape: S,
      handle: (call: Call<Params<S & O & B>>) => object,
      extra?: Extra<O, B>,
    ): Route => route<S, O, B>(`POST ${path}`, shape, handle, extra),

    /** A page, newest first; no parameter is required. Without a `filter` each parameter is the wanted value of the field of its name. */
    list: <S extends Shape>(
      shape: S,
      filter: (wanted: Wanted<S>, turn: Turn) => Filter<T> = (wanted) => ({ equal: wanted as Equal }),
    ): Route =>
      route(`GET ${path}`, { ...optional(pagination), ...optional(shape) }, (call) => {
        const { limit, starting_after, ending_before, created, ...wanted } = call.params as ListParams
        const { since, ...query } = filter(wanted as Wanted<S>, call)
        const bounds = since === undefined ? created : { ...created, gte: Math.max(created?.gte ?? 0, since) }
        const page = { limit, starting_after, ending_before, created: bounds }
        const found = listPage(call, type, path, page, query)
        return { ...found, data: found.data.map((object) => show(call, object)) }
      }),

    /** `check` may refuse. */
    retrieve: <B extends Shape = NoShape>(
      check?: (call: Call<Params<NoShape & B>>, object: T) => void,
      extra?: Extra<NoShape, B>,
    ): Route => {
      const answer = (call: Call<Params<NoShape & B>>) => {
        const object = find(call)
        check?.(call, object)
        return show(call, object)
      }
      return route<NoShape, NoShape, B>(`GET ${path}/:id`, {}, answer, extra)
    },

    /** No parameter is required. Without `fields` each is the new value of the field of its name. Without an `event` nobody is told. */
    update: <S extends Shape>(
      shape: S,
      event?: Stripe.Event.Type,
      fields: (call: Call<Params<OptionalShape<S>>>, object: T) => Given<T> = (call) =>
        call.params as Given<T>,
    ): Route =>
      route(`POST ${path}/:id`, optional(shape), (call) => {
        const before = find(call)
        const after = withGiven(before, fields(call, before))
        return show(call, event ? change(call, event, before, after) : call.store.save(after))
      }),

    /** `before` may refuse, or end what hangs on the object. */
    remove: (event?: Stripe.Event.Type, before?: (turn: Turn, object: T) => void): Route =>
      route(`DELETE ${path}/:id`, {}, (call) => {
        const object = find(call)
        before?.(call, object)
        return removeObject(call, object, event)
      }),

    /** What else is done to one object, under `path/:id/name`. */
    act: <S extends Shape, O extends Shape = NoShape, B extends Shape = NoShape>(
      name: string,
      shape: S,
      handle: (call: Call<Params<S & O & B>>, object: T) => object,
      extra?: Extra<O, B>,
    ): Route => route<S, O, B>(`POST ${path}/:id/${name}`, shape, (call) => handle(call, find(call)), extra),
  }
}

export function withGiven<T extends StoredObject>(object: T, given: Given<T>): T {
  const { metadata, ...fields } = given as Given<Stripe.Customer>
  const after = { ...object, ...definedOf(fields) }
  const stored: StoredObject = object
  return 'metadata' in stored ? { ...after, metadata: mergeMetadata(stored.metadata, metadata) } : after
}

/** Without the fields that were not given, to be spread over what was there. */
export function definedOf<T extends object>(given: T | undefined) {
  const entries = Object.entries(given ?? {}).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as { [F in keyof T]?: Exclude<T[F], undefined> }
}

/** Leaves the stub that Stripe shows of a deleted object. */
export function removeObject(turn: Turn, object: StoredObject, event?: Stripe.Event.Type) {
  const stub = { id: object.id, object: object.object, deleted: true }
  turn.store.remove(object, stub)
  if (event) turn.emit(event, object)
  return stub
}

type Equal = NonNullable<Query<never>['equal']>
type ListParams = Pagination & Pick<Query<never>, 'created'>
