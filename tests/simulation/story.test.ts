import { expect, test } from 'vitest'
import { chanceOf } from '../../src/simulation/chance.ts'
import { discountCodes } from '../../src/simulation/story/deeds.ts'
import { storyOf } from '../../src/simulation/story/story.ts'

const hour = 3_600
const size = { tenants: 40, months: 14 }

test('a seed gives one story, another seed another', () => {
  expect(storyOf(7, size)).toEqual(storyOf(7, size))
  expect(storyOf(8, size).steps).not.toEqual(storyOf(7, size).steps)
})

test('a tenant’s story does not depend on how many others there are', () => {
  const ofFirst = (tenants: number) =>
    storyOf(3, { tenants, months: 4 }).steps.filter(({ tenant }) => tenant === 0)
  expect(ofFirst(1)).toEqual(ofFirst(9))
})

test('every kind of deed, plan and usage occurs, late usage as well as usage of now', () => {
  const { steps } = storyOf(1, size)
  expect(new Set(steps.map(({ deed }) => deed.do)).size).toBe(11)
  const subscribed = steps.flatMap(({ deed }) => (deed.do === 'subscribe' ? [deed] : []))
  expect(new Set(subscribed.map(({ plan }) => plan))).toEqual(
    new Set(['weekly', 'monthly', 'quarterly', 'yearly']),
  )
  expect(subscribed.some(({ trialDays }) => trialDays === 0)).toBe(true)
  expect(subscribed.some(({ trialDays }) => trialDays > 31)).toBe(true)
  expect(new Set(subscribed.map(({ discount }) => discount)).size).toBe(discountCodes.length + 1)
  const used = steps.flatMap(({ deed }) => (deed.do === 'use' ? [deed] : []))
  expect(new Set(used.map(({ type, action }) => `${type} ${action}`)).size).toBe(11)
  expect(used.some(({ minutesAgo }) => minutesAgo === 0)).toBe(true)
  expect(used.some(({ minutesAgo }) => minutesAgo > 34 * 24 * 60)).toBe(true)
  expect(used.some(({ quantity, action }) => quantity === 0 && action === 'increment')).toBe(false)
  expect(used.some(({ quantity, action }) => quantity === 0 && action === 'set')).toBe(true)
})

test('steps come in the order of time, within the months, and none in the last four hours of a month', () => {
  const { start, months, steps } = storyOf(2, size)
  expect(new Date(start * 1000).toISOString()).toMatch(/-01T00:00:00.000Z$/)
  expect(months).toHaveLength(14)
  const times = steps.map(({ at }) => at)
  expect(times).toEqual(times.toSorted((a, b) => a - b))
  for (const at of times) {
    expect(at).toBeGreaterThanOrEqual(start)
    const end = months.find((end) => at < end)
    expect(end).toBeDefined()
    expect(at).toBeLessThan((end ?? 0) - 4 * hour)
  }
})

test('draws are even, and within their bounds', () => {
  const chance = chanceOf('even')
  const drawn = Array.from({ length: 6_000 }, () => chance.between(1, 6))
  for (const face of [1, 2, 3, 4, 5, 6])
    expect(Math.abs(drawn.filter((each) => each === face).length - 1_000)).toBeLessThan(150)
})
