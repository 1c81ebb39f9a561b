import { createHash } from 'node:crypto'

/** The last fact of each stream. */
export type StreamHeads = Map<string, { version: number; hash: string }>

/**
 * The log up to a position in one word, `POSITION:HASH`. The hash, SHA-256 in hex, is over the last fact of every stream, and so,
 * by the chains, over every fact: whoever has written the head down finds out later that the log's end is missing,
 * and that a fact was replaced whose chain was made anew.
 */
export function headOf(position: number, heads: StreamHeads): string {
  const hash = createHash('sha256')
  // By code units: databases sort text by the rules of a language.
  for (const [stream, { version, hash: last }] of [...heads].sort(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`${JSON.stringify([stream, version, last])}\n`)
  return `${position}:${hash.digest('hex')}`
}

export const headPattern = /^\d{1,15}:[0-9a-f]{64}$/

export const positionOfHead = (head: string) => Number(head.split(':')[0])
