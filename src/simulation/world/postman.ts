import { z } from 'zod'
import { type Chance, chanceOf } from '../chance.ts'
import { type Answer, answer, forward, openRelay, type Passing } from './relay.ts'

const fates = ['delivered', 'refused', 'lost', 'doubled', 'held'] as const
type Fate = (typeof fates)[number]

type See = (deliver: () => Promise<Answer>) => Promise<Answer>

export type Postman = {
  /** Where the webhooks are to be sent. */
  url: string
  /** How many had each fate. */
  count: Record<Fate, number>
  /** From now on each is delivered as it comes; what was held is delivered before the next one. */
  behave(): void
  misbehave(): void
  /** Lets somebody else see to each delivery, one at a time. */
  onDelivery(see: See | undefined): void
  close(): Promise<void>
}

/**
 * Delivers the sandbox's webhooks one after the other, and not always: some are lost though they were taken, some are
 * refused at first, some come twice, some after a later one. What becomes of the n-th webhook of a type and a customer
 * follows from the seed.
 * @param service where it listens now
 */
export async function openPostman(seed: number, service: () => string): Promise<Postman> {
  const seen = new Map<string, number>()
  const customers = new Map<string, number>()
  const held: Passing[] = []
  const count: Record<Fate, number> = { delivered: 0, refused: 0, lost: 0, doubled: 0, held: 0 }
  let isFaulty = true
  let see: See = (deliver) => deliver()
  let last: Promise<unknown> = Promise.resolve()

  const fateOf = (event: Event): Fate => {
    const id = customerIn(event) ?? ''
    const customer = customers.get(id) ?? customers.size
    customers.set(id, customer)
    const name = `${event.type} ${customer}`
    const number = (seen.get(name) ?? 0) + 1
    seen.set(name, number)
    return isFaulty && event.type !== 'customer.created' ? draw(chanceOf(seed, name, number)) : 'delivered'
  }

  const deliver = (letter: Passing): Promise<Answer> => see(() => forward(letter, service()))

  const pass = async (passing: Passing): Promise<Answer> => {
    const event = Event.parse(JSON.parse(passing.body.toString()))
    const fate = fateOf(event)
    count[fate] += 1
    if (fate === 'refused') return answer(503)
    if (fate === 'lost') return answer(200)
    if (fate === 'held') {
      held.push(passing)
      return answer(200)
    }
    const answered = await deliver(passing)
    if (fate === 'doubled') await deliver(passing)
    for (const earlier of held.splice(0)) await deliver(earlier)
    return answered
  }

  const relay = await openRelay((passing) => {
    const passed = last.then(() => pass(passing))
    last = passed.catch(() => {})
    return passed
  })
  return {
    url: relay.url,
    count,
    behave: () => {
      isFaulty = false
    },
    misbehave: () => {
      isFaulty = true
    },
    onDelivery: (next) => {
      see = next ?? ((deliver) => deliver())
    },
    close: relay.close,
  }
}

const Event = z.looseObject({
  type: z.string(),
  data: z.object({
    object: z.looseObject({ object: z.string(), id: z.string().optional(), customer: z.unknown() }),
  }),
})
type Event = z.infer<typeof Event>

function customerIn({ data: { object } }: Event): string | undefined {
  if (object.object === 'customer') return object.id
  return typeof object.customer === 'string' ? object.customer : undefined
}

function draw(chance: Chance): Fate {
  const drawn = chance.between(0, 99)
  if (drawn < 80) return 'delivered'
  if (drawn < 84) return 'refused'
  if (drawn < 89) return 'lost'
  return drawn < 94 ? 'doubled' : 'held'
}
