import { linkSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import Sqlite from 'better-sqlite3'
import { codeOf, syncDirectoryOf, writePrivate } from '../db/private-file.ts'

type Backup = {
  file: string
  /** Of the last fact that is in it. */
  position: number
  bytes: number
}

/**
 * Copies a SQLite database, as it is at one moment, into a new file that only its owner reads, while a service goes on with it.
 * The file has its name when it is complete; there is none, or half of one, after a failure.
 * @throws FileExists
 */
export async function backup(
  path: string,
  file: string,
  onProgress?: (done: number, total: number) => void,
): Promise<Backup> {
  const unfinished = `${file}.unfinished`
  await removeDatabase(unfinished)
  const source = new Sqlite(path, { readonly: true, fileMustExist: true, timeout: 5_000 })
  try {
    writePrivate(unfinished, '')
    // An open read is of one moment. Without it, each commit of the service's would start the copy over.
    source.exec('begin')
    const { position } = source
      .prepare<[], { position: number }>('select coalesce(max(position), 0) as position from billing_events')
      .get() ?? { position: 0 }
    const pageSize = source.pragma('page_size', { simple: true }) as number
    const { totalPages } = await source.backup(unfinished, {
      progress: ({ totalPages, remainingPages }) => {
        onProgress?.(totalPages - remainingPages, totalPages)
        return pagesAtOnce
      },
    })
    name(unfinished, file)
    return { file, position, bytes: totalPages * pageSize }
  } finally {
    source.close()
    await removeDatabase(unfinished)
  }
}

const pagesAtOnce = 1000

/** Unlike a rename, this never overwrites. */
function name(unfinished: string, file: string): void {
  try {
    linkSync(unfinished, file)
  } catch (error) {
    if (codeOf(error) === 'EEXIST') throw new FileExists(file)
    throw error
  }
  syncDirectoryOf(file)
}

async function removeDatabase(file: string): Promise<void> {
  for (const suffix of ['', '-wal', '-shm', '-journal']) await rm(`${file}${suffix}`, { force: true })
}

/** A file is never overwritten. */
export class FileExists extends Error {
  constructor(file: string) {
    super(`${file} exists already; name a file that does not`)
    this.name = 'FileExists'
  }
}
