import { isLevel, type UsageType } from '../db/usage-types.ts'
import { cardAt, type RateCard } from '../pricing/price.ts'
import { countedWindow, cutsOf } from './dues.ts'
import type { Known, Window } from './known.ts'
import { isoOf } from './months.ts'
import { cutAt } from './spans.ts'

/**
 * The cards that price a window's usage of one type, each once, the earliest first: the base by that of the window's start, levels by that
 * of its end, counts by those of the times in which they may have occurred.
 */
export function cardsOf(known: Known, window: Window, type: UsageType): RateCard[] {
  const { starts_at, ends_at, counts_from } = window
  if (type === 'platform_base') return [cardAt(known.cards, starts_at)]
  if (isLevel(type)) return [cardAt(known.cards, isoOf(Date.parse(ends_at) - 1))]
  const { claimed } = countedWindow(known, window, type)
  const spans = [...claimed, { from: counts_from, to: ends_at }]
    .flatMap((span) => cutAt(span, cutsOf(known)))
    .sort((a, b) => (a.from < b.from ? -1 : 1))
  return [...new Set(spans.map(({ from }) => cardAt(known.cards, from)))]
}
