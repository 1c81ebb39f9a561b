import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import type { AppContext } from '../context.ts'
import type { Database } from '../db/database.ts'

/** The service that a command runs. */
export type Service = {
  /** Where it listens, such as http://localhost:8080. */
  url: string
  /** Shown once: the admin key that a first start without ADMIN_API_KEY has made. */
  newAdminKey: string | undefined
  /** The key file that a first start has made: without it, personal data is lost. */
  newKeyFile: string | undefined
  sandboxUrl: string | undefined
  /** Stops taking requests, finishes the running ones, flushes what was counted and closes, within 10 s. */
  stop(): Promise<void>
}

/** `main.ts`, which puts the parts together: loaded by those commands alone that need them all. */
export type LoadMain = () => Promise<{
  serve(config: Config): Promise<Service>
  createContext(parts: { config: Config; db: Database; log: Logger; now: () => Date }): AppContext
}>
