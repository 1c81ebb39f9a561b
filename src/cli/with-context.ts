import { type Config, readConfig } from '../config.ts'
import type { AppContext } from '../context.ts'
import { createLog } from '../logging/log-output.ts'
import { commandClock } from './command-clock.ts'
import type { LoadMain } from './service.ts'
import { type DatabaseOptions, withDatabase } from './with-database.ts'

/**
 * As `withDatabase`, for a command that decides or asks Stripe. What is to be done after its answer is the service's.
 */
export const withContext = <T>(
  options: DatabaseOptions,
  loadMain: LoadMain,
  work: (context: AppContext) => Promise<T>,
): Promise<T> =>
  withDatabase(options, async (db) => {
    const config = configOf(process.env)
    const { createContext } = await loadMain()
    const now = await commandClock(options)
    const context = createContext({ config, db, log: logOf(config), now })
    try {
      return await work(context)
    } finally {
      await context.effects.stop()
    }
  })

/** Where the service's own sandbox listens, should Stripe be asked. */
function configOf(environment: NodeJS.ProcessEnv): Config {
  const config = readConfig(environment)
  const { stripe } = config
  if (stripe.mode !== 'sandbox' || stripe.apiBase !== undefined) return config
  return { ...config, stripe: { ...stripe, apiBase: `http://127.0.0.1:${stripe.sandboxPort}` } }
}

const logOf = ({ adminApiKey, stripe }: Config) =>
  createLog({ level: 'error', secrets: [adminApiKey, stripe.secretKey], destination: process.stderr })
