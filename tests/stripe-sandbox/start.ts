import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Stripe from 'stripe'
import { onTestFinished } from 'vitest'
import { type Sandbox, type SandboxOptions, startSandbox } from '../../src/stripe-sandbox/sandbox.ts'

export type Running = { box: Sandbox; stripe: Stripe; file: string; clock: { nowMs: number } }

/** A sandbox on a file of its own, and the real SDK against it; both end with the test. Time stands still. */
export async function start(options: Partial<SandboxOptions> = {}): Promise<Running> {
  const clock = { nowMs: Date.parse('2026-11-01T12:00:00Z') }
  const file = options.file ?? join(temporaryFolder(), 'sandbox.db')
  const box = await startSandbox({ clock: () => clock.nowMs, ...options, file })
  onTestFinished(() => box.close())
  return { box, stripe: clientOf(box), file, clock }
}

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'stripe-sandbox-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export function clientOf(
  box: Pick<Sandbox, 'port'>,
  key = 'sk_test_sandbox',
  config: Stripe.StripeConfig = {},
): Stripe {
  return new Stripe(key, {
    host: '127.0.0.1',
    port: box.port,
    protocol: 'http',
    maxNetworkRetries: 0,
    ...config,
  })
}

/** A POST of JSON to a page of the sandbox's own, such as `/_sandbox/clock`. */
export async function post(
  box: Pick<Sandbox, 'url'>,
  path: string,
  body: unknown,
): Promise<{ status: number; body: unknown }> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const response = await fetch(`${box.url}${path}`, { method: 'POST', body: text })
  return { status: response.status, body: await response.json() }
}

/** A customer whose invoices are paid with a test card. */
export async function customerWithCard(stripe: Stripe, card = 'pm_card_visa'): Promise<Stripe.Customer> {
  return await stripe.customers.create({
    email: 'ada@example.com',
    payment_method: card,
    invoice_settings: { default_payment_method: card },
  })
}

/** What a call was refused with. */
export async function refusal(call: Promise<unknown>): Promise<Stripe.errors.StripeError> {
  const outcome = await call.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (outcome instanceof Stripe.errors.StripeError) return outcome
  throw new Error(`expected a Stripe error, got ${String(outcome)}`)
}

export async function eventTypes(stripe: Stripe): Promise<string[]> {
  const { data } = await stripe.events.list({ limit: 100 })
  return data.map((event) => event.type as string).reverse()
}

export async function authenticate(box: Sandbox, id: string, outcome: 'succeed' | 'fail'): Promise<number> {
  const body = JSON.stringify({ outcome })
  const response = await fetch(`${box.url}/_sandbox/authenticate/${id}`, { method: 'POST', body })
  return response.status
}

export type Received = { body: string; signature: string; type: string; id: string }

/** An HTTP server for webhooks that answers each with the next status (200 when they are used up). */
export async function receiver(statuses: number[] = []): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = []
  const { url } = await listener((body, headers) => {
    const { id, type } = JSON.parse(body) as { id: string; type: string }
    received.push({ body, signature: String(headers['stripe-signature']), type, id })
    return { status: statuses.shift() ?? 200 }
  })
  return { url, received }
}

type Answer = { status?: number; body?: unknown }

/** An HTTP server that ends with the test. No answer is given where `answer` gives none. */
export async function listener(
  answer: (body: string, headers: IncomingHttpHeaders) => Answer | undefined | Promise<Answer | undefined>,
): Promise<{ url: string; close(): void }> {
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const given = await answer(body, request.headers)
    if (given) response.writeHead(given.status ?? 200).end(given.body && JSON.stringify(given.body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  onTestFinished(close)
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`, close }
}
