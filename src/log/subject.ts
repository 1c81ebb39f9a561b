import type { Reader, Subject } from '../db/tables.ts'
import { isSellers } from '../stripe/object-types.ts'
import type { Fact, NewFact } from './facts.ts'
import { type JsonObject, putTogether, type Texts } from './take-apart.ts'

/** Whose key seals the personal data of a fact. Erasing a tenant destroys the keys of its customers and events too. */
export function subjectOf({ tenant_id, type, data }: NewFact): Subject {
  if (tenant_id !== null) return `tenant:${tenant_id}`
  if (type !== 'stripe.event_received') return 'seller'
  if (data.customer_id !== null) return `customer:${data.customer_id}`
  return isSellers(data.object_type) ? 'seller' : `event:${data.event_id}`
}

type Sealed<P> = {
  fact_id: string
  subject: Subject | null
  sealed: string | null
  data: { personal: P | null }
}

/**
 * What persons gave, or Stripe says of them. Null: it was erased.
 * @throws NoPersonalKey
 */
export async function personalOf<P>(reader: Reader, { data, subject, sealed }: Sealed<P>): Promise<P | null> {
  if (data.personal !== null) return data.personal
  if (subject === null || sealed === null) return null
  const text = await reader.seals.open(subject, sealed)
  return text === null ? null : JSON.parse(text)
}

/** Of a tenant that cannot have been erased: a call of its is under way. @throws NoPersonalKey */
export async function livingPersonal<P>(reader: Reader, fact: Sealed<P>): Promise<P> {
  const personal = await personalOf(reader, fact)
  if (personal === null) throw new Error(`The personal data of ${fact.fact_id} was erased`)
  return personal
}

/** The fact with its personal data, where that is left: an object of Stripe's is whole again. @throws NoPersonalKey */
export async function openFact(reader: Reader, fact: Fact): Promise<Fact> {
  if (!('personal' in fact.data)) return fact
  const personal = await personalOf(reader, fact as Sealed<unknown>)
  const data: Record<string, unknown> = { ...fact.data, personal }
  for (const name of ['object', 'event'])
    if (name in data) data[name] = putTogether(data[name] as JsonObject, personal as Texts | null)
  return { ...fact, data } as unknown as Fact
}
