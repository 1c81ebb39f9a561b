import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { StepledgerError } from '../../client/error.ts'
import { sender } from '../../client/request.ts'
import { type Database, openDatabase } from '../../db/database.ts'
import { stripeClient } from '../../stripe/client.ts'
import { type Sandbox, startSandbox } from '../../stripe-sandbox/sandbox.ts'
import { openPostman, type Postman } from './postman.ts'

/** A service that runs, in whichever process. */
export type Running = { url: string; stop(): Promise<void>; kill(): Promise<void> }
/** Starts the service with this environment and no other; its files are in the directory. */
export type StartService = (environment: Record<string, string>, directory: string) => Promise<Running>

export type World = {
  sandbox: Sandbox
  stripe: ReturnType<typeof stripeClient>
  postman: Postman
  /** Of the service's database. */
  db: Database
  /** Where its files are. */
  directory: string
  /** A request to the service's API, with its data; undefined where it was refused for what it asks. */
  ask<T = unknown>(method: 'GET' | 'POST', path: string, body?: object): Promise<T | undefined>
  /** What was refused, by path and code. */
  refusals: Map<string, number>
  /** Kills the service in the middle of whatever it does, and starts it again. */
  killAndRestart(): Promise<void>
  /** @param keep leaves the files where they are */
  close(keep: boolean): Promise<void>
}

const adminKey = 'the-admin-key-of-a-simulation'
const webhookSecret = 'whsec_of_a_simulation'

/**
 * The service against a sandbox of its own, with a postman between them. The sandbox's time stands between its moves.
 * @param start unix seconds: the time at which the world begins
 * @param port where the service listens, also after a restart
 */
export async function openWorld(
  seed: number,
  { start, port, startService }: { start: number; port: number; startService: StartService },
): Promise<World> {
  const opened = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'stepledger-simulation-'))
  let isKept = false
  opened.defer(() => (isKept ? undefined : rm(directory, { recursive: true, force: true })))
  let service: Running | undefined
  const postman = await openPostman(seed, () => service?.url ?? '')
  opened.defer(postman.close)
  const sandbox = await startSandbox({
    file: join(directory, 'stripe.db'),
    clock: () => start * 1000,
    webhook: { url: `${postman.url}/api/v1/billing/webhooks`, secret: webhookSecret },
  })
  opened.defer(sandbox.close)
  const database = `file:${join(directory, 'stepledger.db')}`
  const environment = {
    ADMIN_API_KEY: adminKey,
    BILLING_TRIAL_PERIOD_DAYS: '0',
    DATABASE_URL: database,
    LOG_LEVEL: 'silent',
    PERSONAL_DATA_KEY: randomBytes(32).toString('base64'),
    PORT: String(port),
    STRIPE_API_BASE: sandbox.url,
    STRIPE_SECRET_KEY: 'sk_test_of_a_simulation',
    STRIPE_WEBHOOK_SECRET: webhookSecret,
  }
  service = await startService(environment, directory)
  opened.defer(() => service?.stop())
  const db = openDatabase(database)
  opened.defer(db.close)
  const send = sender({ baseUrl: service.url, key: adminKey })
  const refusals = new Map<string, number>()
  return {
    sandbox,
    stripe: stripeClient('sk_test_of_a_simulation', sandbox.url),
    postman,
    db,
    directory,
    refusals,
    async ask<T>(method: 'GET' | 'POST', path: string, body?: object) {
      try {
        const reply = JSON.parse(await (await send(method, path, { body })).text())
        return (reply.data ?? reply) as T
      } catch (error) {
        if (!(error instanceof StepledgerError) || error.status < 400 || error.status >= 500) throw error
        const name = `${path.replace(/(cus|sub|in|usg)_[\w-]+|Jeturing_\w+/g, ':id').replace(/\?.*/, '')} ${error.code}`
        refusals.set(name, (refusals.get(name) ?? 0) + 1)
        return undefined
      }
    },
    async killAndRestart() {
      await service?.kill()
      service = await startService(environment, directory)
    },
    async close(keep) {
      isKept = keep
      await opened.disposeAsync()
    },
  }
}
