export function sum(cents: Iterable<bigint>): bigint {
  let total = 0n
  for (const more of cents) total += more
  return total
}

export function least(a: bigint, b: bigint): bigint {
  if (a < b) return a
  return b
}
