/**
 * Below 0: `a` is the older release; 0: the two are of one precedence. As semver.org orders versions: 1.10.0 is above 1.9.0,
 * and 2.0.0-rc.1 below 2.0.0.
 */
export function compareReleases(a: string, b: string): number {
  const [ofA, ofB] = [partsOf(a), partsOf(b)]
  return (
    compareLists(ofA.core, ofB.core) ||
    Number(ofB.isPrerelease) - Number(ofA.isPrerelease) ||
    compareLists(ofA.prerelease, ofB.prerelease)
  )
}

function partsOf(version: string) {
  const [text = ''] = version.split('+')
  const [core = '', ...rest] = text.split('-')
  return {
    core: core.split('.'),
    isPrerelease: rest.length > 0,
    prerelease: rest.length > 0 ? rest.join('-').split('.') : [],
  }
}

function compareLists(a: readonly string[], b: readonly string[]): number {
  for (const [index, ofA] of a.entries()) {
    const ofB = b[index]
    if (ofB === undefined) return 1
    const difference = compareIdentifiers(ofA, ofB)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

/** Numbers by their value, and below words. */
function compareIdentifiers(a: string, b: string): number {
  const isNumber = (identifier: string) => /^\d+$/.test(identifier)
  if (isNumber(a) && isNumber(b)) return Number(a) - Number(b)
  if (isNumber(a) !== isNumber(b)) return isNumber(a) ? -1 : 1
  return a === b ? 0 : a < b ? -1 : 1
}
