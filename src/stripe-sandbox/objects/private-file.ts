import { chmodSync, closeSync, existsSync, openSync } from 'node:fs'

/** The file is its owner's alone (0600), as the database is that it stands beside. SQLite's -wal and -shm get its mode. */
export function keepPrivate(file: string): void {
  if (file === ':memory:') return
  // A file that is there is not opened: closing it would give up the locks that SQLite holds on it in this process.
  if (existsSync(file)) chmodSync(file, 0o600)
  else closeSync(openSync(file, 'wx', 0o600))
}
