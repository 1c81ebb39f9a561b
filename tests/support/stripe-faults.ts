import { z } from 'zod'
import type { Walk } from './walk-stripe.ts'

/** What is wrong with an answer of Stripe's API: an object, a list, or an error. */
export function faultsOfAnswer(walk: Walk, status: number, body: unknown): string[] {
  if (status !== 200) {
    const { data: failure } = failed.safeParse(body)
    return failure ? walk.named('Failure', failure.error, 'error') : ['no error in the shape of Stripe']
  }
  const { data: list } = listed.safeParse(body)
  return (list?.data ?? [body]).flatMap((object) =>
    told.safeParse(object).success ? faultsOfEvent(walk, object) : walk.object(object, kindOf(object)),
  )
}

/** What is wrong with an event: what it is about is another kind of object, or not as its declaration says. */
export function faultsOfEvent(walk: Walk, event: unknown): string[] {
  const { data: parsed } = told.safeParse(event)
  if (!parsed) return walk.named('Event', event, 'event')
  const { object, previous_attributes: before } = parsed.data
  return [
    ...walk.named('Event', event, parsed.type),
    ...walk.named('EventObjects', { [parsed.type]: object.object }, 'data.object.object'),
    ...walk.object(object, `${parsed.type}.data.object`).filter((fault) => fault !== unborn),
    ...(before ? walk.partOf(object.object, before, `${parsed.type}.data.previous_attributes`) : []),
  ]
}

/** The declaration says so in words alone: there is no such invoice yet. */
const unborn = 'invoice.upcoming.data.object.id: is missing'

const failed = z.strictObject({ error: z.looseObject({ type: z.string(), message: z.string() }) })
const listed = z.strictObject({
  object: z.literal('list'),
  data: z.array(z.unknown()),
  has_more: z.boolean(),
  url: z.string(),
})
const told = z.object({
  object: z.literal('event'),
  type: z.string(),
  data: z.object({
    object: z.looseObject({ object: z.string() }),
    previous_attributes: z.looseObject({}).optional(),
  }),
})
const kinded = z.object({ object: z.string() })
const kindOf = (value: unknown) => kinded.safeParse(value).data?.object ?? 'the answer'
