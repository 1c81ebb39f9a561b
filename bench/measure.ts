/** What one contestant reached in one figure. */
type Contestant = { name: string; value: number }

/** One line of the results: ours beside a limit or a peer, in one run. */
export type Figure = {
  title: string
  unit: string
  /** Whether more is better (a rate) or less (a time). */
  better: 'more' | 'less'
  ours: number
  others: (Contestant & { ratio: number })[]
  notes?: string[]
}

export type Benchmark = (progress: (text: string) => void) => Promise<Figure[]>

const rounds = Number(process.env.BENCH_ROUNDS ?? 3)

/**
 * Lets the contestants run one after the other, `rounds` times, each time beginning with another: what the machine does
 * beside it meets all alike. Ratios are made within a round and their median is taken, for the machine's speed drifts.
 * The first one named is ours.
 */
export async function inTurns(
  contestants: Record<string, () => Promise<number>>,
  progress: (text: string) => void,
): Promise<Pick<Figure, 'ours' | 'others'>> {
  const names = Object.keys(contestants)
  const values: Record<string, number[]> = Object.fromEntries(names.map((name) => [name, []]))
  for (let round = 0; round < rounds; round += 1)
    for (let place = 0; place < names.length; place += 1) {
      const name = names[(round + place) % names.length] as string
      const value = await (contestants[name] as () => Promise<number>)()
      values[name]?.push(value)
      progress(`round ${round + 1} of ${rounds}: ${name} ${readable(value)}`)
    }
  const [our = '', ...rest] = names
  const ours = values[our] ?? []
  return {
    ours: median(ours),
    others: rest.map((name) => {
      const theirs = values[name] ?? []
      return { name, value: median(theirs), ratio: median(theirs.map((value, i) => (ours[i] ?? 0) / value)) }
    }),
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

export const percentile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ??
  Number.NaN

/** Three digits that count. */
export const readable = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(3)))

/** Does `work(0)` … `work(count - 1)`, so many at a time. Answers how many a second. */
export async function perSecond(
  count: number,
  inFlight: number,
  work: (index: number) => Promise<unknown>,
): Promise<number> {
  let next = 0
  const start = performance.now()
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (next < count) {
        const index = next
        next += 1
        await work(index)
      }
    }),
  )
  return count / ((performance.now() - start) / 1000)
}
