import { mkdir, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'rolldown'

/**
 * A program and its modules in one file, for a test that starts it again and again: it starts in a third of the time. The
 * file lies where it finds the packages with parts that are not JavaScript.
 */
export async function oneFile(program: URL): Promise<{ path: string; remove: () => Promise<void> }> {
  const directory = fileURLToPath(new URL(`../../node_modules/.one-file-${process.pid}`, import.meta.url))
  await mkdir(directory, { recursive: true })
  const path = join(directory, `${basename(program.pathname, '.ts')}.mjs`)
  await build({
    input: fileURLToPath(program),
    platform: 'node',
    external: ['better-sqlite3', 'pg', 'pino'],
    output: { file: path, format: 'es', codeSplitting: false },
  })
  return { path, remove: () => rm(directory, { recursive: true, force: true }) }
}
