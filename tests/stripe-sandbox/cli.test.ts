import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { clientOf, receiver, start, temporaryFolder } from './start.ts'

const stripeCommand = fileURLToPath(new URL('../../node_modules/.bin/stripe', import.meta.url))

function environment(): NodeJS.ProcessEnv {
  const home = temporaryFolder()
  return {
    ...process.env,
    HOME: home,
    XDG_CONFIG_HOME: home,
    STRIPE_API_KEY: 'sk_test_123456789012',
    STRIPE_CLI_TELEMETRY_OPTOUT: '1',
  }
}

test('`stripe listen` forwards, signed, what `stripe trigger` makes happen', async () => {
  const { box, stripe } = await start({ clock: Date.now })
  const { url, received } = await receiver()
  const env = environment()
  const listening = spawn(
    stripeCommand,
    ['listen', '--all-snapshot', '--forward-to', url, '--api-base', box.url],
    {
      env,
      detached: true,
    },
  )
  onTestFinished(() => {
    // The command is a wrapper: the listener itself is in its process group.
    if (listening.pid !== undefined && listening.exitCode === null) process.kill(-listening.pid, 'SIGTERM')
  })
  let said = ''
  while (!said.includes('signing secret')) {
    const [chunk] = (await once(listening.stderr, 'data')) as [Buffer]
    said += chunk.toString()
  }
  const secret = /whsec_\w+/.exec(said)?.[0] ?? ''
  const triggers = [
    'customer.created',
    'setup_intent.succeeded',
    'customer.subscription.created',
    'customer.subscription.updated',
    'customer.subscription.deleted',
    'invoice.paid',
    'invoice.payment_failed',
    'payment_intent.succeeded',
    'price.created',
    'product.created',
    'coupon.created',
  ]
  for (const type of triggers) {
    const { stdout } = await promisify(execFile)(stripeCommand, ['trigger', type, '--api-base', box.url], {
      env,
    })
    expect(stdout).toContain('Trigger succeeded')
    await expect.poll(() => received.map((each) => each.type), { timeout: 5000 }).toContain(type)
  }
  for (const { body, signature } of received)
    await expect(stripe.webhooks.constructEventAsync(body, signature, secret)).resolves.toBeDefined()
  const ids = received.map(({ id }) => id)
  expect(new Set(ids).size).toBe(ids.length)
})

test('`stripe get` and resource commands read the sandbox', async () => {
  const { box } = await start()
  const { id } = await clientOf(box).customers.create({ email: 'a@example.com' })
  const run = promisify(execFile)
  const env = environment()
  const got = await run(stripeCommand, ['get', `/v1/customers/${id}`, '--api-base', box.url], { env })
  expect(JSON.parse(got.stdout)).toMatchObject({ id, email: 'a@example.com' })
})
