import { Presets, SingleBar } from 'cli-progress'

/** A bar on a terminal's standard error while `work` runs; in a pipe there is none. */
export async function withProgress<T>(
  label: string,
  work: (onProgress: ((done: number, total: number) => void) | undefined) => Promise<T>,
): Promise<T> {
  if (!process.stderr.isTTY) return work(undefined)
  const bar = new SingleBar(
    {
      format: `${label} {bar} {percentage}% {value}/{total} facts`,
      stream: process.stderr,
      clearOnComplete: true,
    },
    Presets.shades_classic,
  )
  bar.start(0, 0)
  try {
    return await work((done, total) => {
      bar.setTotal(total)
      bar.update(done)
    })
  } finally {
    bar.stop()
  }
}
