import { chmodSync, closeSync, fsyncSync, openSync, statSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Makes the file of a SQLite database if it is missing, and closes it to everybody but its owner (0600): it holds what
 * persons gave. SQLite gives its -wal, -shm and -journal the same mode. Another user's file stays as it is.
 */
export function keepPrivate(path: string): void {
  if (path === ':memory:') return
  create(path)
  for (const file of [path, `${path}-wal`, `${path}-shm`]) closeToOthers(file)
}

/** A new file that only its owner reads, on the disk when this returns. @throws when there is one of this name */
export function writePrivate(file: string, text: string): void {
  const descriptor = openSync(file, 'wx', ownerOnly)
  try {
    writeSync(descriptor, text)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** What was made or renamed in a directory survives a loss of power only then. */
export function syncDirectoryOf(file: string): void {
  const directory = openSync(dirname(file), 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}

const ownerOnly = 0o600

/** What is there is not opened: closing it would give up the locks that SQLite holds on it in this process. */
function create(path: string): void {
  try {
    closeSync(openSync(path, 'wx', ownerOnly))
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  }
}

function closeToOthers(file: string): void {
  try {
    if ((statSync(file).mode & 0o077) !== 0) chmodSync(file, ownerOnly)
  } catch (error) {
    // Not there; another's; a file system that is read-only or has no modes.
    if (!['ENOENT', 'EPERM', 'EROFS', 'ENOTSUP'].includes(codeOf(error))) throw error
  }
}

/** Of a fault of the file system's, such as `ENOENT`. */
export const codeOf = (error: unknown) =>
  error instanceof Error && 'code' in error ? String(error.code) : ''
