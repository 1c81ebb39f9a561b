import { textProblem } from '../db/text.ts'
import type { FieldProblem } from '../errors.ts'

/** How deep the brackets of a JSON text go, without parsing it. A text that breaks off is counted as far as it goes. */
export function nesting(json: Uint8Array): number {
  let depth = 0
  let deepest = 0
  let inString = false
  for (let index = 0; index < json.length; index += 1) {
    const byte = json[index]
    if (inString) {
      if (byte === backslash) index += 1
      else if (byte === quote) inString = false
    } else if (byte === quote) inString = true
    else if (byte === openBrace || byte === openBracket) deepest = Math.max(deepest, ++depth)
    else if (byte === closeBrace || byte === closeBracket) depth -= 1
  }
  return deepest
}

const [quote, backslash] = [0x22, 0x5c]
const [openBrace, openBracket, closeBrace, closeBracket] = [0x7b, 0x5b, 0x7d, 0x5d]

/**
 * The first part of a parsed body that no route takes, schemas or not: field names that reach for an object's
 * prototype, numbers beyond all bounds, texts that cannot be kept (`textProblem`), and lists so long that naming what
 * is wrong with each entry would be an attack. `nesting` bounds the recursion.
 */
export function forbiddenPart(value: unknown, path = ''): FieldProblem | undefined {
  if (typeof value === 'string') {
    const message = textProblem(value)
    return message === undefined ? undefined : { path: path || 'body', message }
  }
  if (typeof value === 'number' && !Number.isFinite(value))
    return { path: path || 'body', message: 'must be a number within bounds' }
  if (value === null || typeof value !== 'object') return undefined
  const entries = Object.entries(value)
  if (entries.length > maxEntries)
    return { path: path || 'body', message: `must have at most ${maxEntries} entries` }
  for (const [name, inner] of entries) {
    const at = path === '' ? shortened(name) : `${path}.${shortened(name)}`
    if (prototypeNames.has(name)) return { path: at, message: 'is not a field of this request' }
    const problem = forbiddenPart(name, at) ?? forbiddenPart(inner, at)
    if (problem !== undefined) return problem
  }
  return undefined
}

const prototypeNames = new Set(['__proto__', 'constructor', 'prototype'])

const maxEntries = 1000

/** A field's name for an error: what is longer is nobody's field. */
export const shortened = (name: string) =>
  (name.length > 100 ? `${name.slice(0, 100)}…` : name).toWellFormed()
