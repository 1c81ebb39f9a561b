import type { Json, JsonObject } from '../../src/log/take-apart.ts'

/** Texts as persons write them, each known again wherever a part of it turns up. */
export function canaries() {
  const planted = new Map<string, string>()
  const plant = (word: string, where: string) => {
    planted.set(word, where)
    return word
  }
  const next = (where: string) => plant(`canary${planted.size + 1}x`, where)
  return {
    /** At most 31 characters of ASCII that no list of safe words may let through. */
    text: (where: string) => `${next(where)} of J. Doe @ home`,
    email: (where: string) => `j.${next(where)}@person.example`,
    phone: (where: string) => `+${plant(String(15_550_000_000 + planted.size), where)}`,
    /** For a place that takes nothing but letters and digits. */
    word: next,
    /** Where the canaries that are in a text were planted: each once. */
    in: (text: string): string[] => {
      const found = new Set<string>()
      for (const [word] of text.matchAll(/canary\d+x|1555\d{7}/gi)) {
        const where = planted.get(word.toLowerCase())
        if (where !== undefined) found.add(where)
      }
      return [...found]
    },
  }
}

export type Canaries = ReturnType<typeof canaries>

/** What the seller says of what is sold, and no person: `object member`. */
const sellersWords = [
  ...['product id', 'product name', 'product description', 'product unit_label'],
  ...['price id', 'price nickname', 'price lookup_key'],
  ...['coupon id', 'coupon name', 'promotion_code code', 'invoice number'],
]

/** Whether a text is the seller's. An id of what is sold may be any text of the seller's. */
export const isSellers = (object: string, member: string) =>
  sellersWords.includes(`${object} ${member}`) ||
  ['coupon', 'product', 'price', 'plan', 'promotion_code'].includes(member)

/** Plants a canary in every text of an object of Stripe's that holds one already, but for the seller's own. */
export function replanted(value: JsonObject, where: string, canaries: Canaries): JsonObject {
  const walk = (inner: Json, object: string, member: string, path: string): Json => {
    if (typeof inner === 'string') {
      if (!inner.includes('canary')) return inner
      return isSellers(object, member) ? 'Of the seller' : canaries.text(path)
    }
    if (Array.isArray(inner))
      return inner.map((item, index) => walk(item, object, member, `${path}/${index}`))
    if (inner === null || typeof inner !== 'object') return inner
    const own = typeof inner.object === 'string' ? inner.object : object
    return Object.fromEntries(
      Object.entries(inner).map(([name, each]) => [
        name.includes('canary') ? canaries.text(`${path}, a name`) : name,
        walk(each, own, name, `${path}/${name}`),
      ]),
    )
  }
  return walk(value, '', '', where) as JsonObject
}
