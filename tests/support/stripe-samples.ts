import { readStripeTypes, type TypeNode, type TypeRef } from './stripe-types.ts'

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
  const { nodes, named, kinds } = readStripeTypes(
    Object.fromEntries(names.map((name) => [name, `Stripe.${name}`])),
  )

  const sampleOf = (ref: TypeRef, path: string, above: readonly TypeRef[]): Json => {
    const node = nodes[ref]
    switch (node?.is) {
      case 'text':
      case 'reference':
        return textOf(path)
      case 'number':
        return 7
      case 'decimal':
        return '12.5'
      case 'one_of':
        return node.values.includes(true) ? true : (node.values[0] ?? null)
      case 'list':
        return [sampleOf(node.of, `${path}/0`, above)]
      case 'object':
        return sampleOf(kinds[node.kind] ?? -1, path, above)
      case 'any_of':
        return sampleOf(saysMost(node.types), path, above)
      case 'hash':
        return above.includes(ref) ? null : hashOf(node, path, [...above, ref])
      default:
        return null
    }
  }

  const hashOf = (
    { members, others }: Extract<TypeNode, { is: 'hash' }>,
    path: string,
    above: readonly TypeRef[],
  ): Record<string, Json> => ({
    ...(others !== undefined && { [textOf(`${path}/name`)]: textOf(`${path}/value`) }),
    ...Object.fromEntries(
      Object.entries(members).map(([name, ref]) => [name, sampleOf(ref, `${path}/${name}`, above)]),
    ),
  })

  /** Of what is a text or an object, that; a number or a yes-or-no that may be null is null. */
  const saysMost = (types: TypeRef[]): TypeRef => {
    const rank = (ref: TypeRef) => {
      const node = nodes[ref]
      if (node?.is === 'one_of' && typeof node.values[0] !== 'string') return order.length
      return order.indexOf(node?.is ?? 'anything')
    }
    return types.toSorted((a, b) => rank(a) - rank(b))[0] ?? -1
  }
  const order: TypeNode['is'][] = [
    ...(['text', 'reference', 'one_of', 'object', 'hash', 'list'] as const),
    ...(['null', 'number', 'decimal', 'anything'] as const),
  ]

  return Object.fromEntries(
    Object.entries(named).map(([name, ref]) => {
      const sample = sampleOf(ref, name, [])
      if (typeof sample !== 'object' || sample === null || Array.isArray(sample))
        throw new Error(`${name} is no object`)
      return [name, sample]
    }),
  )
}
