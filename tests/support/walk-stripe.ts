import type { StripeTypes, TypeNode, TypeRef } from './stripe-types.ts'

export type Walk = {
  /** What is wrong with an object of Stripe's, by its declaration: one `path: reason` each. */
  object(value: unknown, path: string): string[]
  /** The same of some of an object's members: nothing is required, and what was not there is null. */
  partOf(kind: string, value: unknown, path: string): string[]
  /** The same of a type that was asked for by name. */
  named(name: string, value: unknown, path: string): string[]
}

/** Walks values along the declarations of Stripe's SDK: what is missing, null, of another type, no value of an enum, unknown. */
export function walkAlong({ nodes, named, kinds }: StripeTypes): Walk {
  const walk = (ref: TypeRef | undefined, value: unknown, path: string, partial = false): string[] => {
    const node = nodes[ref ?? -1]
    if (node === undefined) return [`${path}: its declaration was not read`]
    if (partial && value === null) return []
    switch (node.is) {
      case 'anything':
        return []
      case 'null':
        return value === null ? [] : wrong(path, 'null', value)
      case 'text':
        return typeof value === 'string' ? [] : wrong(path, 'a text', value)
      case 'number':
        return typeof value === 'number' ? [] : wrong(path, 'a number', value)
      case 'decimal':
        return typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value)
          ? []
          : wrong(path, 'a decimal in a text', value)
      case 'one_of':
        return node.values.some((each) => each === value) ? [] : wrong(path, node.values.join(' | '), value)
      case 'list':
        return Array.isArray(value)
          ? value.flatMap((item, at) => walk(node.of, item, `${path}[${at}]`))
          : wrong(path, 'a list', value)
      case 'hash':
        return isHash(value) ? walkHash(node, value, path, partial) : wrong(path, 'an object', value)
      case 'object':
        if (partial && isHash(value)) return walk(kinds[node.kind], value, path, true)
        return kindOf(value) === node.kind
          ? walk(kinds[node.kind], value, path)
          : wrong(path, `a ${node.kind}`, value)
      case 'reference': {
        if (typeof value === 'string') return []
        const kind = kindOf(value)
        return kind !== undefined && node.kinds.includes(kind)
          ? walk(kinds[kind], value, path)
          : wrong(path, `an id or a ${node.kinds.join(' | ')}`, value)
      }
      case 'any_of':
        return walkAnyOf(node.types, value, path, partial)
      default:
        return node satisfies never
    }
  }

  const walkHash = (
    { members, optional, others }: Extract<TypeNode, { is: 'hash' }>,
    value: Record<string, unknown>,
    path: string,
    partial: boolean,
  ): string[] => [
    ...Object.keys(members).flatMap((name) =>
      partial || value[name] !== undefined || optional.includes(name) ? [] : [`${path}.${name}: is missing`],
    ),
    ...Object.entries(value).flatMap(([name, member]) => {
      const ref = members[name] ?? others
      return ref === undefined
        ? [`${path}.${name}: is unknown to Stripe`]
        : walk(ref, member, `${path}.${name}`, partial)
    }),
  ]

  /** The faults of the type that comes nearest. */
  const walkAnyOf = (types: TypeRef[], value: unknown, path: string, partial: boolean): string[] => {
    const tried = types.map((ref) => ({ ref, faults: walk(ref, value, path, partial) }))
    if (tried.some(({ faults }) => faults.length === 0)) return []
    const deeper = tried.filter(({ faults }) => faults.some((each) => !each.startsWith(`${path}: `)))
    const nearest = (deeper.length > 0 ? deeper : tried).sort((a, b) => a.faults.length - b.faults.length)[0]
    if (deeper.length > 0 || types.length === 1) return nearest?.faults ?? []
    return [tried.map(({ faults }) => faults[0]?.replace(/, not .*/, '')).join(', or ')].map(
      (each) => `${each}, not ${shown(value)}`,
    )
  }

  return {
    object: (value, path) => {
      const kind = kindOf(value)
      return kind === undefined ? wrong(path, 'an object of Stripe', value) : walk(kinds[kind], value, path)
    },
    partOf: (kind, value, path) => walk(kinds[kind], value, path, true),
    named: (name, value, path) => walk(named[name], value, path),
  }
}

function kindOf(value: unknown): string | undefined {
  if (!isHash(value) || typeof value.object !== 'string') return undefined
  return value.deleted === true ? `${value.object}, deleted` : value.object
}

function isHash(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const wrong = (path: string, expected: string, value: unknown) => [
  `${path}: is to be ${expected}, not ${shown(value)}`,
]

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}
