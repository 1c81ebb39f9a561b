import { createHash } from 'node:crypto'

export type Chance = {
  /** From `least` to `most`, both included. */
  between(least: number, most: number): number
  oneOf<const T>(some: readonly [T, ...T[]]): T
  /** @param probability from 0 to 1 */
  happens(probability: number): boolean
  /** From 0 up to and without 1. */
  fraction(): number
}

/** Draws that depend on nothing but these names: the same ones give the same draws, on every machine. */
export function chanceOf(...names: (string | number)[]): Chance {
  let drawn = 0
  let digest = Buffer.alloc(0)
  const name = names.join(' ')
  const fraction = () => {
    const offset = (drawn % 8) * 4
    if (offset === 0)
      digest = createHash('sha256')
        .update(`${name} ${drawn / 8}`)
        .digest()
    drawn += 1
    return digest.readUInt32BE(offset) / 2 ** 32
  }
  const between = (least: number, most: number) => least + Math.floor(fraction() * (most - least + 1))
  return {
    fraction,
    between,
    oneOf: (some) => some[between(0, some.length - 1)] ?? some[0],
    happens: (probability) => fraction() < probability,
  }
}
