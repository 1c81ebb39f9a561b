import { Presets, SingleBar } from 'cli-progress'

/**
 * A bar on a terminal's standard error while `work` runs, with the rate and the time left; in a pipe there is none.
 * @param unit what is counted
 */
export async function withProgress<T>(
  label: string,
  work: (onProgress: ((done: number, total: number) => void) | undefined) => Promise<T>,
  unit = 'facts',
): Promise<T> {
  if (!process.stderr.isTTY) return work(undefined)
  const bar = new SingleBar(
    {
      format: `${label} {bar} {percentage}% {value}/{total} ${unit}, {rate} a second, {eta_formatted} left`,
      stream: process.stderr,
      clearOnComplete: true,
    },
    Presets.shades_classic,
  )
  const startMs = performance.now()
  bar.start(0, 0, { rate: '-' })
  try {
    return await work((done, total) => {
      const seconds = (performance.now() - startMs) / 1000
      bar.setTotal(total)
      bar.update(done, { rate: Math.round(done / Math.max(seconds, 0.001)) })
    })
  } finally {
    bar.stop()
  }
}
