import { setTimeout as sleep } from 'node:timers/promises'
import { type Server, scratch, startPeer, startSandbox, startService } from '../children.ts'
import { type Answer, type Client, clientOf, cpuSeconds } from '../load.ts'
import { type Benchmark, type Figure, inTurns, perSecond, readable } from '../measure.ts'
import { startPostgres } from '../postgres.ts'

const clients = 16
const sessions = Number(process.env.BENCH_SESSIONS ?? 200)
const stepsOfASession = 6

/** Starts a contestant whose files lie in `directory`, and which asks this Stripe. */
export type StartContestant = (directory: string, stripeUrl: string) => Promise<Server>

const peer =
  (file: string): StartContestant =>
  (directory, stripe) =>
    startPeer(file, directory, { STRIPE: stripe })

export const onSqlite: Record<string, StartContestant> = {
  Stepledger: startService,
  'hand-written route': peer('hand-written.ts'),
  'persisted XState actor': peer('xstate-actor.ts'),
  'emmett-sqlite': peer('emmett-route.ts'),
  Restate: peer('restate.ts'),
}

/** The six steps of an onboarding over HTTP, Stripe with canned answers. */
export const steps: Benchmark = async (progress) => {
  const stripe = await startPeer('canned-stripe.ts', '.')
  try {
    return [await compared('SQLite', onSqlite, stripe.url, progress)]
  } finally {
    await stripe.stop()
  }
}

/** The same, on a PostgreSQL with fsync. */
export const stepsOnPostgres: Benchmark = async (progress) => {
  const stripe = await startPeer('canned-stripe.ts', '.')
  const { database, stop } = await startPostgres()
  const onDatabase =
    (file: string): StartContestant =>
    async (directory, url) =>
      startPeer(file, directory, { STRIPE: url, DATABASE_URL: await database() })
  try {
    const contestants: Record<string, StartContestant> = {
      Stepledger: async (directory, url) => startService(directory, url, { DATABASE_URL: await database() }),
      'DBOS, a workflow a step': onDatabase('dbos.ts'),
      'emmett-postgresql': onDatabase('emmett-postgres-route.ts'),
    }
    return [await compared('PostgreSQL', contestants, stripe.url, progress)]
  } finally {
    await stop()
    await stripe.stop()
  }
}

/** The same, against the sandbox as a process of its own: beside what it reaches with canned answers. */
export const stepsAtTheSandbox: Benchmark = async (progress) => {
  const stripe = await startPeer('canned-stripe.ts', '.')
  const atSandbox: StartContestant = async (directory) => {
    const sandbox = await startSandbox(directory)
    const service = await startService(directory, sandbox.url)
    return {
      ...service,
      confirmAt: sandbox.url,
      async stop() {
        await service.stop()
        await sandbox.stop()
      },
    }
  }
  try {
    const contestants = { Stepledger: atSandbox, 'the same, Stripe’s answers canned': startService }
    return [await compared('the sandbox in a process of its own', contestants, stripe.url, progress)]
  } finally {
    await stripe.stop()
  }
}

async function compared(
  where: string,
  contestants: Record<string, StartContestant>,
  stripeUrl: string,
  progress: (text: string) => void,
): Promise<Figure> {
  const notes: Record<string, string> = {}
  const runs = Object.entries(contestants).map(([name, start]) => [
    name,
    async () => {
      const { rate, cpuPerThousand } = await walked(start, stripeUrl)
      notes[name] = `${name}: ${readable(cpuPerThousand)} CPU seconds of its process a thousand steps`
      return rate
    },
  ])
  const title = `Onboarding steps over HTTP, ${clients} clients, ${where}`
  const result = await inTurns(Object.fromEntries(runs), progress)
  return { title, unit: 'steps a second', better: 'more', ...result, notes: Object.values(notes) }
}

async function walked(start: StartContestant, stripeUrl: string) {
  const { directory, remove } = await scratch()
  const server = await start(directory, stripeUrl)
  const client = clientOf(server.url, clients)
  await warm(client, server.confirmAt)
  const before = cpuSeconds(server.pid)
  const rate = await perSecond(sessions, clients, (index) =>
    walkOnce(client, String(index), server.confirmAt),
  )
  const cpu = cpuSeconds(server.pid) - before
  await client.close()
  await server.stop()
  await remove()
  return { rate: rate * stepsOfASession, cpuPerThousand: (cpu * 1000) / (sessions * stepsOfASession) }
}

/** A walk before the clock runs; right after its start a service may still be learning what Stripe sells. */
export async function warm(client: Client, confirmAt?: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1)
    try {
      return await walkOnce(client, 'warm', confirmAt)
    } catch (error) {
      if (attempt === 50) throw error
      await sleep(100)
    }
}

/**
 * One person's way through the six steps. @throws when one is not answered with 200
 * @param confirmAt a sandbox, which has to be told that the person has typed the card in
 */
async function walkOnce(client: Client, name: string, confirmAt?: string): Promise<void> {
  let session: Record<string, string> = {}
  for (const step of walk(name)) {
    session = { ...session, ...okay(await client.post(step.path, step.body(session))) }
    if (confirmAt !== undefined && step.path.endsWith('setup-payment'))
      await confirm(confirmAt, String(session.setup_intent_id))
  }
}

export function okay({ status, body }: Answer): Record<string, string> {
  if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`)
  return body.data
}

type Step = { path: string; body: (session: Record<string, string>) => object }

export const walk = (name: string): Step[] => [
  {
    path: '/onboarding/start',
    body: () => ({ email: `${name}@bench.example`, name: 'Ada', company_name: 'Bench Inc' }),
  },
  { path: '/onboarding/step/create-customer', body: ({ session_id }) => ({ session_id }) },
  {
    path: '/onboarding/step/setup-payment',
    body: ({ session_id }) => ({ session_id, return_url: 'http://localhost:8080/done' }),
  },
  {
    path: '/onboarding/step/select-plan',
    body: ({ session_id }) => ({ session_id, plan_id: 'enterprise', price_id: 'price_enterprise_monthly' }),
  },
  { path: '/onboarding/step/create-subscription', body: ({ session_id }) => ({ session_id }) },
  { path: '/onboarding/complete', body: ({ session_id }) => ({ session_id }) },
]

async function confirm(sandboxUrl: string, setupIntent: string): Promise<void> {
  const answer = await fetch(`${sandboxUrl}/v1/setup_intents/${setupIntent}/confirm`, {
    method: 'POST',
    headers: { authorization: 'Bearer sk_test_of_the_benchmark' },
    body: new URLSearchParams({ payment_method: 'pm_card_visa', return_url: 'http://localhost:8080/done' }),
  })
  if (!answer.ok) throw new Error(await answer.text())
}
