export type FormValue = string | FormHash
export type FormHash = { [key: string]: FormValue }

/**
 * Decodes `a[b][0][c]=v&d[]=w`. Lists come out as hashes with the keys `0`, `1`…: only the reader of a parameter knows
 * whether `metadata[0]` is a key or a position. Hashes have no prototype, so `__proto__` is a key like any other.
 */
export function decodeForm(encoded: string): FormHash {
  const root = emptyHash()
  for (const [name, value] of new URLSearchParams(encoded)) {
    const keys = splitName(name)
    let hash = root
    keys.forEach((key, depth) => {
      const next = keys[depth + 1]
      const actual = key === '' ? nextPosition(hash, next) : key
      if (next === undefined) {
        hash[actual] = value
        return
      }
      const child = hash[actual]
      const deeper = typeof child === 'object' ? child : emptyHash()
      hash[actual] = deeper
      hash = deeper
    })
  }
  return root
}

export function emptyHash(): FormHash {
  return Object.create(null) as FormHash
}

/** The same text for the same parameters, whatever order they were sent in. */
export function canonical(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, child]) => `${JSON.stringify(key)}:${canonical(child)}`).join(',')}}`
}

const deepest = 10

function splitName(name: string): string[] {
  const match = /^([^[\]]+)((?:\[[^[\]]*\])*)$/.exec(name)
  if (!match) return [name]
  const keys = [
    match[1] ?? '',
    ...[...(match[2] ?? '').matchAll(/\[([^[\]]*)\]/g)].map((part) => part[1] ?? ''),
  ]
  return keys.length > deepest ? [name] : keys
}

/** `items[][price]` starts a new element only where the last one has that key already. */
function nextPosition(hash: FormHash, next: string | undefined): string {
  const length = Object.keys(hash).length
  const last = hash[String(length - 1)]
  const continues = next !== undefined && next !== '' && typeof last === 'object' && !(next in last)
  return String(continues ? length - 1 : length)
}
