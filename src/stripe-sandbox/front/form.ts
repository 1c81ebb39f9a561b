import { parse } from 'qs'
import type { FormHash } from '../objects/parameters.ts'

/**
 * Decodes `a[b][0][c]=v&d[]=w`. Lists come out as hashes with the keys `0`, `1`…: only the reader of a parameter knows
 * whether `metadata[0]` is a key or a position. Hashes have no prototype, and `__proto__` is left out.
 */
export function decodeForm(encoded: string): FormHash {
  const lastPlaces = new Map<string, number>()
  const names = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(encoded))
    names.set(numbered(name, names, lastPlaces), value)
  return parse(Object.fromEntries(names), { depth: 10, parseArrays: false, plainObjects: true }) as FormHash
}

/** `items[][price]` starts a new element only where the last one has that key already. */
function numbered(name: string, taken: Map<string, string>, lastPlaces: Map<string, number>): string {
  const [list = '', rest] = name.split(/\[\](.*)/s)
  if (rest === undefined) return name
  const last = lastPlaces.get(list) ?? 0
  const place = taken.has(`${list}[${last}]${rest}`) ? last + 1 : last
  lastPlaces.set(list, place)
  return numbered(`${list}[${place}]${rest}`, taken, lastPlaces)
}
