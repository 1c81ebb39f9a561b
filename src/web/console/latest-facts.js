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
