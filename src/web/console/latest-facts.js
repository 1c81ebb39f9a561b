import { get } from './api.js'

/** @typedef {import('./fact.js').Fact} Fact */
/** @typedef {{ tenant_id?: string | undefined, stream?: string | undefined, type?: string | undefined }} FactFilter */

/**
 * The last `count` facts up to a position, newest first. The log is read forwards, so windows are tried from its end,
 * each eight times as long as the one before.
 * @param {FactFilter} filter
 * @param {{ upTo: number, count: number, signal?: AbortSignal }} range
 * @returns {Promise<Fact[]>}
 */
export async function latestFacts(filter, { upTo, count, signal }) {
  for (let window = count; ; window *= 8) {
    const after = Math.max(0, upTo - window)
    const facts = await factsBetween(filter, after, upTo, signal)
    if (facts.length >= count || after === 0) return facts.slice(-count).reverse()
  }
}

/**
 * The moments that a session's slider stops at, oldest first: its own facts, and the tenant's from its beginning on
 * and at the log's end. A busy tenant's middle is left out.
 * @param {{ tenant_id: string, facts: readonly Fact[] }} session
 * @param {{ upTo: number, signal: AbortSignal }} range
 * @returns {Promise<Fact[]>}
 */
export async function momentsOf({ tenant_id, facts }, { upTo, signal }) {
  const begun = (facts[0]?.position ?? 1) - 1
  const [first, last] = await Promise.all([
    get('/events', { tenant_id, after: begun, limit: 100 }, signal),
    latestFacts({ tenant_id }, { upTo, count: 100, signal }),
  ])
  /** @type {Map<number, Fact>} */
  const moments = new Map()
  for (const fact of [...facts, ...first.items, ...last])
    if (fact.position > begun) moments.set(fact.position, fact)
  return [...moments.values()].sort((a, b) => a.position - b.position)
}

/** @param {FactFilter} filter @param {number} after @param {number} upTo @param {AbortSignal} [signal] */
async function factsBetween(filter, after, upTo, signal) {
  /** @type {Fact[]} */
  const facts = []
  for (let from = after; from < upTo; ) {
    const page = await get('/events', { ...filter, after: from, limit: 100 }, signal)
    facts.push(...page.items.filter((/** @type {Fact} */ { position }) => position <= upTo))
    if (page.next_cursor === null) break
    from = Number(page.next_cursor)
  }
  return facts
}
