/**
 * Names for the statements of a pool's connections, each of which keeps what it has prepared until it ends: a text has one from the second
 * time on, and not all texts have one.
 */
export function statementNames(): { of(text: string): string | undefined; renew(): void } {
  const names = new Map<string, string>()
  const once = new Set<string>()
  let generation = 0
  return {
    of(text) {
      const known = names.get(text)
      if (known !== undefined || names.size >= namedAtMost) return known
      if (!once.delete(text)) {
        if (once.size >= rememberedAtMost) once.clear()
        once.add(text)
        return undefined
      }
      const name = `stepledger_${generation}_${names.size}`
      names.set(text, name)
      return name
    },
    /** What was prepared under the names so far is of no use any more. */
    renew() {
      names.clear()
      generation += 1
    },
  }
}

const namedAtMost = 250
const rememberedAtMost = 1000
