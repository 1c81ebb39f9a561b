/**
 * How long to wait before the next attempt: twice as long each time, up to a longest wait, and a random part of it, so that
 * those who failed together don't come back together.
 * @param attempts how many there were, from 1 on
 */
export function backoffMs(
  attempts: number,
  { firstMs, longestMs }: { firstMs: number; longestMs: number },
): number {
  return Math.min(longestMs, firstMs * 2 ** (attempts - 1)) * (0.5 + Math.random() / 2)
}
