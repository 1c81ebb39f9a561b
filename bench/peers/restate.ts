/** A virtual object a session in Restate, whose handler journals the call to Stripe by `ctx.run`; its server is started beside. */
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as restate from '@restatedev/restate-sdk'
import { askStripe, assertNext, newTenant, type Session, type StepName, serveSteps } from './front.ts'

type State = { done?: StepName; session: Session }

const onboarding = restate.object({
  name: 'onboarding',
  handlers: {
    async take(
      ctx: restate.ObjectContext,
      { step, input }: { step: StepName; input: Session },
    ): Promise<Session> {
      const { done, session } = (await ctx.get<State>('state')) ?? { session: {} }
      if (done === step) return session
      try {
        assertNext(step, done)
      } catch (error) {
        throw new restate.TerminalError(String(error))
      }
      const known = {
        ...session,
        ...input,
        ...(step === 'start' ? { tenant_id: await ctx.run(newTenant) } : {}),
      }
      const key = ctx.rand.uuidv4()
      const made = await ctx.run('stripe', () => askStripe(step, known, key))
      const after = { ...known, ...made }
      ctx.set('state', { done: step, session: after })
      return after
    },
  },
})

const [servicePort, ingress, admin, node] = await Promise.all([
  freePort(),
  freePort(),
  freePort(),
  freePort(),
])
await restate.serve({ services: [onboarding], port: servicePort })
const binary = join(
  dirname(
    createRequire(import.meta.url).resolve(
      `@restatedev/restate-server-${process.platform}-${process.arch}/package.json`,
    ),
  ),
  'bin/restate-server',
)
const server = spawn(binary, ['--node-name', 'bench', '--base-dir', join(process.cwd(), 'restate')], {
  env: {
    ...process.env,
    RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
    RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
    RESTATE_BIND_ADDRESS: `127.0.0.1:${node}`,
    RESTATE_ADVERTISED_ADDRESS: `http://127.0.0.1:${node}`,
    RESTATE_DISABLE_TELEMETRY: 'true',
    RESTATE_LOG_FILTER: 'error',
    DO_NOT_TRACK: '1',
  },
  stdio: 'ignore',
})
process.once('exit', () => server.kill('SIGKILL'))
for (let attempt = 0; ; attempt += 1)
  try {
    const answer = await fetch(`http://127.0.0.1:${admin}/deployments`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ uri: `http://127.0.0.1:${servicePort}` }),
    })
    if (answer.ok) break
    throw new Error(await answer.text())
  } catch (error) {
    if (attempt > 200) throw error
    await sleep(100)
  }

serveSteps(async (step, sessionId, input) => {
  const answer = await fetch(`http://127.0.0.1:${ingress}/onboarding/${sessionId}/take`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ step, input }),
  })
  if (!answer.ok) throw new Error(await answer.text())
  return (await answer.json()) as Session
})

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number }
      probe.close(() => resolve(port))
    })
  })
}
