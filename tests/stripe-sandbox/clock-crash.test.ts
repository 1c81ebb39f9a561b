import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test } from 'vitest'
import { clientOf, customerWithCard, listener, post, temporaryFolder } from './start.ts'

const hour = 3600
const program = new URL('../../src/stepledger.js', import.meta.url).pathname

type Running = { child: ChildProcess; url: string; port: number }

/** A sandbox that is a process of its own, by the machine's clock. */
async function sandboxProcess(file: string): Promise<Running> {
  const child = spawn(process.execPath, [program, 'sandbox', '--port', '0', '--file', file, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  const { url, port } = JSON.parse(line) as { url: string; port: number }
  return { child, url, port }
}

const timeOf = async ({ url }: Running) =>
  ((await (await fetch(`${url}/_sandbox/clock`)).json()) as { now: number }).now

test.each(['a webhook', 'a follower'])(
  'a move that is killed while it waits for %s goes on, with nothing lost and nothing twice',
  async (place) => {
    const file = `${temporaryFolder()}/sandbox.db`
    const first = await sandboxProcess(file)
    let killAt: { place: string; invoice: string; due: number } | undefined
    const kill = () => {
      killAt = undefined
      first.child.kill('SIGKILL')
    }
    const told = new Map<string, number>()
    const webhooks = await listener((body) => {
      const { id, type, data, created } = JSON.parse(body)
      if (
        killAt?.place === 'a webhook' &&
        type === 'invoice.finalized' &&
        data.object.id === killAt.invoice
      ) {
        kill()
        return undefined
      }
      told.set(id, created)
      return {}
    })
    const instants: number[] = []
    const follower = await listener((body) => {
      const { now } = JSON.parse(body) as { now: number }
      instants.push(now)
      if (killAt?.place === 'a follower' && now === killAt.due) {
        kill()
        return undefined
      }
      return { body: { next_due: null } }
    })

    const stripe = clientOf(first)
    await stripe.webhookEndpoints.create({ url: webhooks.url, enabled_events: ['*'] })
    await post(first, '/_sandbox/clock/followers', { url: follower.url })
    const due = new Map<string, number>()
    for (let count = 0; count < 4; count += 1) {
      const { id } = await customerWithCard(stripe)
      const invoice = await stripe.invoices.create({ customer: id, auto_advance: true })
      await stripe.invoiceItems.create({ customer: id, invoice: invoice.id, amount: 500, currency: 'usd' })
      due.set(invoice.id, invoice.created + hour)
      await post(first, '/_sandbox/clock', { advance_seconds: 60 })
    }
    const [victim, victimDue] = [...due][1] ?? ['', 0]
    const target = victimDue + hour
    killAt = { place, invoice: victim, due: victimDue }
    await expect(post(first, '/_sandbox/clock', { now: target })).rejects.toThrow()

    const again = await sandboxProcess(file)
    const reached = await timeOf(again)
    expect(reached).toBeGreaterThanOrEqual(victimDue)
    expect(reached).toBeLessThan(victimDue + 60)
    expect(await post(again, '/_sandbox/clock', { now: target })).toEqual({
      status: 200,
      body: { now: target, dropped: [] },
    })
    expect(instants.at(-1)).toBe(target)
    const { data: finals } = await clientOf(again).events.list({ type: 'invoice.finalized', limit: 100 })
    const happened = finals.map((event) => [(event.data.object as { id: string }).id, event.created])
    expect(new Map(happened.reverse() as [string, number][])).toEqual(due)
    expect(finals).toHaveLength(due.size)
    const { data: all } = await clientOf(again).events.list({ limit: 100 })
    expect(all.filter(({ id }) => !told.has(id))).toEqual([])
  },
  30_000,
)
