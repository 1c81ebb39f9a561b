import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cutAt, type Span, tilesOf } from '../../src/charges/spans.ts'
import { at } from '../support/facts.ts'

const instant = fc.integer({ min: 0, max: 6 * 3_600_000 }).map((ms) => at(ms / 1000))
const near = fc
  .tuple(fc.integer({ min: 0, max: 360 }), fc.integer({ min: -1, max: 1 }))
  .map(([minutes, ms]) => at(minutes * 60 + ms / 1000))
const spans = fc
  .tuple(fc.oneof(instant, near), fc.oneof(instant, near))
  .filter(([a, b]) => a !== b)
  .map(([a, b]): Span => (a < b ? { from: a, to: b } : { from: b, to: a }))

const lengthOf = ({ from, to }: Span) => Date.parse(to) - Date.parse(from)
const sum = (lengths: number[]) => lengths.reduce((total, length) => total + length, 0)

test('the tiles of a span are all of it, whole hours and minutes but for less than two minutes', () => {
  fc.assert(
    fc.property(spans, (span) => {
      const tiles = tilesOf(span)
      expect([tiles[0]?.from, tiles.at(-1)?.to]).toEqual([span.from, span.to])
      for (const [index, tile] of tiles.slice(1).entries()) expect(tile.from).toBe(tiles[index]?.to)
      for (const { from, to, scale } of tiles) {
        expect(from < to).toBe(true)
        if (scale !== 'record') expect([from, to].every((end) => end.endsWith(':00.000Z'))).toBe(true)
        if (scale === 'hour') expect([from, to].every((end) => end.endsWith(':00:00.000Z'))).toBe(true)
      }
      const of = (scale: string) => sum(tiles.filter((tile) => tile.scale === scale).map(lengthOf))
      expect(of('record')).toBeLessThan(2 * 60_000)
      expect(of('minute')).toBeLessThan(2 * 3_600_000)
      expect(tiles.length).toBeLessThanOrEqual(5)
    }),
  )
})

test('a span is cut at what lies within it, once, in whatever order it is told', () => {
  const cuts = [at(3), at(1), at(0), at(3), at(4), at(9)]
  expect(cutAt({ from: at(0), to: at(4) }, cuts)).toEqual([
    { from: at(0), to: at(1) },
    { from: at(1), to: at(3) },
    { from: at(3), to: at(4) },
  ])
  expect(cutAt({ from: at(0), to: at(0) }, cuts)).toEqual([])
})
