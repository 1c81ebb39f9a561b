import { z } from 'zod'
import { type FormHash, parseParameters, text } from './parameters.ts'
import type { Turn } from './turn.ts'

export type Call<P> = Turn & {
  params: P
  /** The first `:id` of the path, and the second. */
  id: string
  subId: string
  /** True for a publishable key: what Stripe.js sends, with the object's client secret. */
  fromBrowser: boolean
}

export type Route = {
  method: 'GET' | 'POST' | 'DELETE'
  path: string
  /** A publishable key may call it. */
  openToBrowsers: boolean
  parse(form: FormHash, allow: { older: boolean; browser: boolean }): unknown
  /** What is to be over before the turn in which it is handled. */
  before(params: unknown): Promise<unknown>
  handle(call: Call<unknown>): object
}

export type NoShape = Record<never, z.ZodType>
/** Parameters of some requests only, see `route`. */
export type Extra<O, B> = { older?: O; browser?: B }
type Handler<S extends z.ZodRawShape> = (call: Call<z.output<z.ZodObject<S>>>) => object

/**
 * `older` has parameters of earlier API versions: only requests without a `Stripe-Version` may send them (the official
 * CLI does). `browser` has what Stripe.js sends beside the server's parameters, and opens the route to publishable keys.
 */
export function route<
  S extends z.ZodRawShape,
  O extends z.ZodRawShape = NoShape,
  B extends z.ZodRawShape = NoShape,
>(
  signature: `${Route['method']} /v1/${string}`,
  shape: S,
  handle: Handler<S & O & B>,
  extra: Extra<O, B> & { before?: (params: z.output<z.ZodObject<S>>) => Promise<unknown> } = {},
): Route {
  const [method, path] = signature.split(' ') as [Route['method'], string]
  const schemas = new Map<string, z.ZodObject<z.ZodRawShape>>()
  return {
    method,
    path,
    openToBrowsers: extra.browser !== undefined,
    parse: (form, { older, browser }) => {
      const name = `${older} ${browser}`
      const schema =
        schemas.get(name) ??
        z.strictObject({
          ...shape,
          ...(older && extra.older),
          ...(browser && { key: text.optional(), ...extra.browser }),
        })
      schemas.set(name, schema)
      return parseParameters(schema, form)
    },
    before: (extra.before ?? (async () => {})) as Route['before'],
    handle: handle as unknown as Route['handle'],
  }
}
