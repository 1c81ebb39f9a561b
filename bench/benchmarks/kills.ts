import { setTimeout as sleep } from 'node:timers/promises'
import { scratch, startPeer } from '../children.ts'
import { type Client, clientOf } from '../load.ts'
import { type Benchmark, perSecond } from '../measure.ts'
import { okay, onSqlite, type StartContestant, walk, warm } from './steps.ts'

const sessions = 200
const kills = 20

/**
 * What stands at Stripe twice when a contestant is killed twenty times in the middle of two hundred sessions, and each
 * person tries again until the step is done.
 */
export const killed: Benchmark = async (progress) => {
  const counts: Record<string, number> = {}
  for (const [name, start] of Object.entries(onSqlite)) {
    // Its server is another process, which nobody kills here.
    if (name === 'Restate') continue
    counts[name] = await madeTwice(start)
    progress(`${name}: ${counts[name]} made twice`)
  }
  const { Stepledger: ours = Number.NaN, ...theirs } = counts
  const others = Object.entries(theirs).map(([name, value]) => ({ name, value, ratio: Number.NaN }))
  const title = `Objects made twice at Stripe, ${sessions} sessions, killed ${kills} times`
  return [{ title, unit: 'objects', better: 'less', ours, others }]
}

async function madeTwice(start: StartContestant): Promise<number> {
  const stripe = await startPeer('canned-stripe.ts', '.')
  const { directory, remove } = await scratch()
  let server = await start(directory, stripe.url)
  let client: Client = clientOf(server.url, 16)
  await warm(client)
  let isDone = false
  const killing = (async () => {
    for (let kill = 0; kill < kills && !isDone; kill += 1) {
      await sleep(200 + Math.random() * 300)
      await server.stop('SIGKILL')
      server = await start(directory, stripe.url)
      client = clientOf(server.url, 16)
    }
  })()
  await perSecond(sessions, 16, async (index) => {
    let session: Record<string, string> = {}
    for (const step of walk(String(index)))
      session = {
        ...session,
        ...(await untilDone(() =>
          client.post(step.path, step.body(session), { 'idempotency-key': `${index} ${step.path}` }),
        )),
      }
  })
  isDone = true
  await killing
  const { twice } = (await (await fetch(`${stripe.url}/made`)).json()) as { twice: number }
  await server.stop()
  await stripe.stop()
  await remove()
  return twice
}

async function untilDone(send: () => ReturnType<Client['post']>): Promise<Record<string, string>> {
  for (let attempt = 1; ; attempt += 1)
    try {
      return okay(await send())
    } catch (error) {
      if (attempt === 10_000) throw error
      await sleep(50)
    }
}
