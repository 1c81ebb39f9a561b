import { expect, test } from 'vitest'
import { compareReleases } from '../../src/pricing/release.ts'

test('releases are in the order of their versions', () => {
  const ordered = [
    '0.9.0',
    '1.0.0-alpha',
    '1.0.0-alpha.1',
    '1.0.0-alpha.beta',
    '1.0.0-beta.2',
    '1.0.0-beta.11',
    '1.0.0-rc-1',
    '1.0.0',
    '1.9.0',
    '1.10.0',
    '2.0.0',
  ]
  for (const [i, a] of ordered.entries())
    for (const [j, b] of ordered.entries())
      expect(Math.sign(compareReleases(a, b)), `${a} and ${b}`).toBe(Math.sign(i - j))
  expect(compareReleases('1.0.0+build.7', '1.0.0')).toBe(0)
})
