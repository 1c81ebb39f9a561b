import { matchPath } from '../objects/routes.ts'

export const faultKinds = [
  '429',
  '500_before',
  '500_after',
  'timeout',
  'reset_before',
  'reset_after',
  'html',
  '401',
  'delay',
] as const
export type FaultKind = (typeof faultKinds)[number]

/**
 * What goes wrong with the next `count` (default 1) requests that match. `path` is exact, where `:id` stands for any
 * segment (`/v1/setup_intents/:id/confirm`); with a `*` or `/` at its end it is the start of a path.
 *
 * - `429`, `401`, `500_before`, `html` (502), `reset_before`: refused before anything is done, nothing is stored
 * - `500_after`: done, and the 500 is the stored answer of the idempotency key
 * - `reset_after`: done, the real answer is stored, the connection breaks
 * - `timeout`: nothing is done and nothing is answered (120 s at most)
 * - `delay`: waits `delayMs`, then goes on; the idempotency key is in use meanwhile
 */
export type Fault = { method?: string; path: string; kind: FaultKind; count?: number; delayMs?: number }

export type Faults = {
  add(fault: Fault): void
  clear(): void
  list(): Fault[]
  /** The first fault that matches, used up by one. */
  take(method: string, path: string): Fault | undefined
}

export function createFaults(): Faults {
  let faults: (Fault & { count: number })[] = []
  return {
    add: (fault) => faults.push({ ...fault, count: fault.count ?? 1 }),
    clear: () => {
      faults = []
    },
    list: () => faults.map((fault) => ({ ...fault })),
    take: (method, path) => {
      const fault = faults.find(
        (each) => (each.method ?? method).toUpperCase() === method && covers(each.path, path),
      )
      if (!fault) return undefined
      fault.count -= 1
      if (fault.count <= 0) faults = faults.filter((each) => each !== fault)
      return fault
    },
  }
}

function covers(pattern: string, path: string): boolean {
  if (/[*/]$/.test(pattern)) return path.startsWith(pattern.replace(/\*$/, ''))
  return matchPath(pattern, path) !== undefined
}
