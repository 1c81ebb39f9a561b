import { constants } from 'node:os'

/** One Ctrl-C may come twice: from the terminal, and from npm, which passes it on. */
const sameMs = 500

/** Resolves at the first SIGTERM or SIGINT. A second one ends the process at once. */
export function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let stoppingSince: number | undefined
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.on(signal, () => {
        if (stoppingSince === undefined) {
          stoppingSince = performance.now()
          resolve()
        } else if (performance.now() - stoppingSince > sameMs) process.exit(128 + constants.signals[signal])
      })
  })
}
