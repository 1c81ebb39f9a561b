import { existsSync } from 'node:fs'
import { BadEnvironment, besideDatabase, type Config, readConfig, sandboxBase } from '../config.ts'
import { distantClock } from '../stripe/distant-clock.ts'
import { keptTimeMs } from '../stripe-sandbox/objects/kept-time.ts'
import { type DatabaseOptions, databaseUrl } from './with-database.ts'

/**
 * The clock of the service on this database: with a sandbox the sandbox's, which its file keeps and a running one tells.
 * What cannot be found out refuses nothing: then it is the machine's.
 */
export async function commandClock(options: DatabaseOptions): Promise<() => Date> {
  const playedMs = await playedTimeMs(options)
  if (playedMs === undefined) return () => new Date()
  const aheadMs = playedMs - Date.now()
  return () => new Date(Date.now() + aheadMs)
}

async function playedTimeMs(options: DatabaseOptions): Promise<number | undefined> {
  const config = configOf(options)
  if (config === undefined) return undefined
  const base = sandboxBase(config)
  if (base !== undefined) return askedMs(base)
  if (!config.stripe.enabled || config.stripe.mode !== 'sandbox') return undefined
  // The file first: on the port there may be the sandbox of another database.
  const file = besideDatabase(config, 'stripe-sandbox.db')
  if (existsSync(file)) return keptTimeMs(file)
  return config.databaseUrl.startsWith('file:')
    ? undefined
    : askedMs(`http://127.0.0.1:${config.stripe.sandboxPort}`)
}

const askedMs = async (base: string) => (await distantClock(base).catch(() => undefined))?.now().getTime()

function configOf(options: DatabaseOptions): Config | undefined {
  try {
    return readConfig({ ...process.env, DATABASE_URL: databaseUrl(options) })
  } catch (error) {
    if (error instanceof BadEnvironment) return undefined
    throw error
  }
}
