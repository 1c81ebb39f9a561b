import {
  type Compilable,
  type CompiledQuery,
  type Kysely,
  PostgresAdapter,
  type QueryResult,
  type RawBuilder,
} from 'kysely'
import type { Tables } from './tables.ts'

/**
 * A query of a hot path, which is built and compiled once and then runs with other values: both take longer than running it.
 * `build` puts each of the values into the query as one that is sent, and decides nothing by it. Values may be rows and lists; each
 * length of a short list, and each set of columns, is a query of its own.
 */
export function prepared<V extends object, R>(
  build: (db: Kysely<Tables>, values: V) => Compilable<R> | RawBuilder<R>,
): (db: Kysely<Tables>, values: V) => Promise<QueryResult<R>> {
  const compile = (db: Kysely<Tables>, values: V): CompiledQuery<R> => {
    const query = build(db, values)
    return 'isRawBuilder' in query ? query.compile(db) : query.compile()
  }
  const queries = new Map<string, CompiledQuery<R>>()
  return (db, values) => {
    const shape = `${db.getExecutor().adapter instanceof PostgresAdapter} ${shapeOf(values)}`
    let query = queries.get(shape)
    if (query === undefined) {
      if (shape.length > longestShape || queries.size >= mostShapes)
        return db.executeQuery(compile(db, values))
      query = compile(db, placesIn(values, []) as V)
      queries.set(shape, query)
    }
    const parameters = query.parameters.map((one) => (one instanceof Place ? one.valueIn(values) : one))
    return db.executeQuery({ ...query, parameters })
  }
}

const longestShape = 500
const mostShapes = 20

/** The same for values that may take each other's places, whatever a caller has passed on that comes from outside. */
function shapeOf(value: unknown): string {
  if (value === null || typeof value !== 'object') return '.'
  if (Array.isArray(value)) return `[${value.map(shapeOf)}]`
  return `{${Object.entries(value).map(([key, member]) => key + shapeOf(member))}}`
}

/** Stands in a compiled query where one of the values is to come. */
class Place {
  readonly #path: readonly string[]

  constructor(path: readonly string[]) {
    this.#path = path
  }
  valueIn(values: unknown): unknown {
    let value = values as Record<string, unknown>
    for (const key of this.#path) value = value[key] as Record<string, unknown>
    return value
  }
}

/** The same object or list with a place for each value in it. */
function placesIn(value: unknown, path: readonly string[]): unknown {
  if (Array.isArray(value)) return value.map((item, index) => placesIn(item, [...path, String(index)]))
  if (value === null || typeof value !== 'object') return new Place(path)
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, placesIn(member, [...path, key])]),
  )
}
