import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Node } from 'typescript/unstable/ast'
import { API, type Checker, type Type, TypeFlags, type UnionType } from 'typescript/unstable/sync'

type Json = string | number | boolean | null | Json[] | { [name: string]: Json }

/**
 * An object for each of these types of Stripe's SDK, with every member that its declaration has: `textOf` fills the
 * plain texts, by the path of the member; enums have their first value, references to other objects stay ids. What is
 * nested in itself is left out below the second time.
 * @param names such as `Customer`
 */
export function stripeObjects(
  names: readonly string[],
  textOf: (path: string) => string,
): Record<string, { [name: string]: Json }> {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const directory = mkdtempSync(join(root, 'node_modules', '.stripe-types-'))
  const file = join(directory, 'types.ts')
  const config = join(directory, 'tsconfig.json')
  writeFileSync(config, JSON.stringify({ extends: join(root, 'tsconfig.json'), include: ['types.ts'] }))
  const aliases = names.map((name) => `export type ${name} = Stripe.${name}`)
  writeFileSync(file, ["import type Stripe from 'stripe'", ...aliases].join('\n'))
  const api = new API()
  try {
    const { checker, program } =
      api.updateSnapshot({ openProjects: [config] }).getProject(config) ?? fail(config)
    const statements = program.getSourceFile(file)?.statements ?? []
    const objects = statements.slice(1).map((statement) => {
      const { name } = statement as unknown as { name: Node & { text: string } }
      const symbol = checker.getSymbolAtLocation(name) ?? fail(name.text)
      return [name.text, sampleOf(checker, checker.getDeclaredTypeOfSymbol(symbol), name.text, [], textOf)]
    })
    return Object.fromEntries(objects)
  } finally {
    api.close()
    rmSync(directory, { recursive: true })
  }
}

function sampleOf(
  checker: Checker,
  type: Type,
  path: string,
  above: readonly number[],
  textOf: (path: string) => string,
): Json {
  const { flags } = type
  if (flags & TypeFlags.Union) return sampleOf(checker, mainOf(type as UnionType), path, above, textOf)
  if (flags & TypeFlags.StringLiteral) return (type as unknown as { value: string }).value
  if (flags & TypeFlags.NumberLike) return 7
  if (flags & TypeFlags.BooleanLike) return true
  if (flags & TypeFlags.String) return textOf(path)
  if (!(flags & (TypeFlags.Object | TypeFlags.Intersection))) return null
  if (checker.isArrayType(type)) {
    const [item] = checker.getTypeArguments(type as never)
    return item === undefined ? [] : [sampleOf(checker, item, `${path}/0`, above, textOf)]
  }
  if (checker.typeToString(type).endsWith('Decimal')) return '12.5'
  if (above.filter((id) => id === type.id).length > 0) return null
  const members: { [name: string]: Json } = {}
  const [index] = checker.getIndexInfosOfType(type)
  if (index !== undefined) members[textOf(`${path}/name`)] = textOf(`${path}/value`)
  for (const symbol of checker.getPropertiesOfType(type)) {
    const member = checker.getTypeOfSymbol(symbol)
    if (member !== undefined && !symbol.name.startsWith('__'))
      members[symbol.name] = sampleOf(checker, member, `${path}/${symbol.name}`, [...above, type.id], textOf)
  }
  return members
}

/** A reference that can be expanded is an id; of other unions, what says most. */
function mainOf(union: UnionType): Type {
  const types = union.getTypes()
  const some = (wanted: number) => types.find(({ flags }) => flags & wanted)
  return (
    some(TypeFlags.String) ??
    some(TypeFlags.StringLiteral) ??
    some(TypeFlags.Object) ??
    types[0] ??
    fail('a union')
  )
}

function fail(what: string): never {
  throw new Error(`${what} has no type`)
}
