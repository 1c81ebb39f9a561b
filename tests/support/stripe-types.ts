import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Node } from 'typescript/unstable/ast'
import {
  API,
  type Checker,
  SymbolFlags,
  type Type,
  TypeFlags,
  type UnionType,
} from 'typescript/unstable/sync'

/** The place of a declaration in `StripeTypes.nodes`: declarations refer to themselves and to each other. */
export type TypeRef = number

export type TypeNode =
  | { is: 'text' | 'number' | 'null' | 'decimal' | 'anything' }
  | { is: 'one_of'; values: (string | number | boolean)[] }
  | { is: 'list'; of: TypeRef }
  | { is: 'hash'; members: Record<string, TypeRef>; optional: string[]; others?: TypeRef }
  /** An object of Stripe's by the value of its `object`, `customer` or `customer, deleted`; nested whole. */
  | { is: 'object'; kind: string }
  /** The id of such an object, or, expanded, the object. */
  | { is: 'reference'; kinds: string[] }
  | { is: 'any_of'; types: TypeRef[] }

/** What declarations of Stripe's SDK say, as JSON. */
export type StripeTypes = {
  nodes: TypeNode[]
  /** The types that were asked for, by name. */
  named: Record<string, TypeRef>
  /** Stripe's objects by kind: those that were asked for, and those nested in them. What is only referred to is not read. */
  kinds: Record<string, TypeRef>
}

/** Reads the declarations of types, such as `{ Customer: 'Stripe.Customer' }`. */
export function readStripeTypes(types: Record<string, string>): StripeTypes {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const directory = mkdtempSync(join(root, 'node_modules', '.stripe-types-'))
  const file = join(directory, 'types.ts')
  const config = join(directory, 'tsconfig.json')
  writeFileSync(config, JSON.stringify({ extends: join(root, 'tsconfig.json'), include: ['types.ts'] }))
  const aliases = Object.entries(types).map(([name, type]) => `export type ${name} = ${type}`)
  writeFileSync(file, ["import type Stripe from 'stripe'", ...aliases].join('\n'))
  const api = new API()
  try {
    const { checker, program } =
      api.updateSnapshot({ openProjects: [config] }).getProject(config) ?? fail(config)
    const { refOf, nodes, kinds } = reader(checker)
    const named: StripeTypes['named'] = {}
    for (const statement of program.getSourceFile(file)?.statements.slice(1) ?? []) {
      const { name } = statement as unknown as { name: Node & { text: string } }
      const symbol = checker.getSymbolAtLocation(name) ?? fail(name.text)
      named[name.text] = refOf(checker.getDeclaredTypeOfSymbol(symbol))
    }
    return { nodes, named, kinds }
  } finally {
    api.close()
    rmSync(directory, { recursive: true })
  }
}

function reader(checker: Checker) {
  const nodes: TypeNode[] = []
  const kinds: StripeTypes['kinds'] = {}
  const refs = new Map<number, TypeRef>()
  const place = (node: TypeNode): TypeRef => nodes.push(node) - 1

  const refOf = (type: Type): TypeRef => {
    const known = refs.get(type.id)
    if (known !== undefined) return known
    const ref = place({ is: 'anything' })
    refs.set(type.id, ref)
    nodes[ref] = nodeOf(type)
    return ref
  }

  const nodeOf = (type: Type): TypeNode => {
    const { flags } = type
    if (flags & TypeFlags.Union) return unionOf((type as UnionType).getTypes())
    if (flags & TypeFlags.Null) return { is: 'null' }
    if (flags & (TypeFlags.StringLiteral | TypeFlags.NumberLiteral | TypeFlags.BooleanLiteral))
      return { is: 'one_of', values: [literalOf(type)] }
    if (flags & TypeFlags.String) return { is: 'text' }
    if (flags & TypeFlags.Number) return { is: 'number' }
    if (!(flags & (TypeFlags.Object | TypeFlags.Intersection))) return { is: 'anything' }
    if (checker.isArrayType(type)) {
      const [item] = checker.getTypeArguments(type as never)
      return { is: 'list', of: refOf(item ?? fail('a list')) }
    }
    if (checker.typeToString(type).endsWith('Decimal')) return { is: 'decimal' }
    const kind = kindOf(type)
    if (kind === undefined) return hashOf(type)
    if (kinds[kind] === undefined) {
      const ref = place({ is: 'anything' })
      kinds[kind] = ref
      nodes[ref] = hashOf(type)
    }
    return { is: 'object', kind }
  }

  const hashOf = (type: Type): TypeNode => {
    const symbols = checker.getPropertiesOfType(type).filter(({ name }) => !name.startsWith('__'))
    const members = checker.getTypeOfSymbol(symbols)
    const [index] = checker.getIndexInfosOfType(type)
    return {
      is: 'hash',
      members: Object.fromEntries(
        symbols.map(({ name }, at) => [name, refOf(members[at] ?? fail(name))] as const),
      ),
      optional: symbols.filter(({ flags }) => flags & SymbolFlags.Optional).map(({ name }) => name),
      ...(index && { others: refOf(index.valueType) }),
    }
  }

  const unionOf = (all: readonly Type[]): TypeNode => {
    // What is optional may be left out: that is said apart.
    const types = all.filter(({ flags }) => !(flags & TypeFlags.Undefined))
    const literals = types.filter(
      ({ flags }) => flags & (TypeFlags.StringLiteral | TypeFlags.NumberLiteral | TypeFlags.BooleanLiteral),
    )
    const rest = types.filter((each) => !literals.includes(each))
    const objects = rest.flatMap((each) => kindOf(each) ?? [])
    const parts: TypeRef[] = []
    if (literals.length > 0) parts.push(place({ is: 'one_of', values: literals.map(literalOf) }))
    // "Or another text, one day" is said beside the values of today (`string & Record<never, never>`).
    const open = (each: Type) => literals.length > 0 && checker.typeToString(each).endsWith('OtherString')
    const expandable = objects.length > 0 && rest.some(({ flags }) => flags & TypeFlags.String)
    if (expandable) parts.push(place({ is: 'reference', kinds: objects }))
    for (const each of rest) {
      if (open(each)) continue
      if (expandable && (each.flags & TypeFlags.String || kindOf(each) !== undefined)) continue
      parts.push(refOf(each))
    }
    return { is: 'any_of', types: parts }
  }

  const kindCache = new Map<number, string | undefined>()
  /** Lists have an `object` too, and are nothing of their own. */
  const kindOf = (type: Type): string | undefined => {
    if (!(type.flags & (TypeFlags.Object | TypeFlags.Intersection))) return undefined
    if (!kindCache.has(type.id)) {
      const symbols = checker.getPropertiesOfType(type)
      const named = (wanted: string) => {
        const symbol = symbols.find(({ name }) => name === wanted)
        const found = symbol && checker.getTypeOfSymbol(symbol)
        return found && found.flags & (TypeFlags.StringLiteral | TypeFlags.BooleanLiteral)
          ? literalOf(found)
          : undefined
      }
      const object = named('object')
      const kind = typeof object === 'string' && object !== 'list' ? object : undefined
      kindCache.set(type.id, kind && named('deleted') === true ? `${kind}, deleted` : kind)
    }
    return kindCache.get(type.id)
  }

  return { refOf, nodes, kinds }
}

const literalOf = (type: Type) => (type as unknown as { value: string | number | boolean }).value

function fail(what: string): never {
  throw new Error(`${what} has no type`)
}
