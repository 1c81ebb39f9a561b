import { execFileSync } from 'node:child_process'
import { arch, cpus, totalmem, type } from 'node:os'

/** The machine and the commit, in one line. */
export function describeMachine(): string {
  const { model } = cpus()[0] ?? { model: 'an unknown CPU' }
  const gigabytes = Math.round(totalmem() / 2 ** 30)
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: import.meta.dirname })
    .toString()
    .trim()
  const day = new Date().toISOString().slice(0, 10)
  return `${cpus().length} × ${model}, ${gigabytes} GB, ${type()} ${arch()}, Node ${process.version}, ${day}, commit ${commit}`
}
