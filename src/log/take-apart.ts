import { isOurWord, isSafeText, ourMetadata } from './safe-words.ts'

/** What JSON.parse makes. */
export type Json = string | number | boolean | null | Json[] | { [name: string]: Json }
export type JsonObject = { [name: string]: Json }

/**
 * Where something personal stood, as a JSON Pointer (RFC 6901), and what stood there: a text, or the whole of an object
 * whose names of members are personal too, such as `metadata`.
 */
export type Texts = { [pointer: string]: Json }

/**
 * Takes an object of Stripe's, or an event with its object, apart: `safe` is the same tree with null in place of each
 * personal text, `texts` has those. `putTogether(safe, texts)` is the object again, byte for byte.
 */
export function takeApart<T extends object>(whole: T): { safe: T & JsonObject; texts: Texts } {
  const texts: Texts = {}
  const safe = partOf(whole as Json, { member: '', object: '', pointer: '', texts })
  return { safe: safe as T & JsonObject, texts }
}

/** @param texts null: they are gone, or were not opened; the safe part alone is returned */
export function putTogether<T extends object>(safe: T, texts: Texts | null): T {
  if (texts?.[''] !== undefined) return texts[''] as T & JsonObject
  const whole = structuredClone(safe)
  for (const [pointer, text] of Object.entries(texts ?? {})) {
    // No name in a pointer has a character to escape: what has such names is personal as a whole.
    const names = pointer.slice(1).split('/')
    const last = names.pop() ?? ''
    const parent = names.reduce<Json | undefined>((place, name) => memberOf(place, name), whole as Json)
    if (parent !== null && typeof parent === 'object') (parent as JsonObject)[last] = text
  }
  return whole
}

type Place = { member: string; object: string; pointer: string; texts: Texts }

function partOf(value: Json, place: Place): Json {
  if (typeof value === 'string') {
    if (isSafeText(value, place.member, place.object)) return value
    place.texts[place.pointer] = value
    return null
  }
  if (Array.isArray(value))
    return value.map((item, index) => partOf(item, { ...place, pointer: `${place.pointer}/${index}` }))
  if (value === null || typeof value !== 'object') return value
  if (place.member === 'metadata') return ourPartOf(value, place)
  const names = Object.keys(value)
  // Names of Stripe's members look like this. Other ones were made up by somebody; dates of birth are numbers.
  if (place.member === 'dob' || !names.every((name) => /^[a-z][a-z0-9_]{0,59}$/.test(name))) {
    place.texts[place.pointer] = value
    return {}
  }
  const object = typeof value.object === 'string' ? value.object : ''
  return Object.fromEntries(
    names.map((name) => [
      name,
      partOf(value[name] as Json, { ...place, member: name, object, pointer: `${place.pointer}/${name}` }),
    ]),
  )
}

/** Of metadata, names are personal as well. */
function ourPartOf(metadata: JsonObject, { pointer, texts }: Place): JsonObject {
  const ours = Object.entries(metadata).filter(([name, value]) => ourMetadata.has(name) && isOurWord(value))
  if (ours.length < Object.keys(metadata).length) texts[pointer] = metadata
  return Object.fromEntries(ours)
}

const memberOf = (value: Json | undefined, name: string): Json | undefined =>
  value !== null && typeof value === 'object' && Object.hasOwn(value, name)
    ? (value as JsonObject)[name]
    : undefined
