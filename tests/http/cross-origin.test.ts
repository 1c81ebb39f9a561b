import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../../src/client/client.ts'
import { launchBrowser, serveForBrowser } from '../support/browser.ts'
import { testApp } from '../support/test-app.ts'
import { applicant } from '../support/wizard.ts'

const adminKey = 'admin-key-of-the-tests'
let browser: Browser
let service: Awaited<ReturnType<typeof serveForBrowser>>
let host: { server: Server; origin: string }
let stranger: typeof host

const hostsPage = `<!doctype html><title>A host</title><script type="module">
import { createClient } from '/client/client.ts'
globalThis.createClient = createClient
</script>`

/** A site of its own, with the client's modules as a host's bundle has them. */
async function site(): Promise<{ server: Server; origin: string }> {
  const server = createServer(async (request, response) => {
    if (request.url?.startsWith('/client/')) {
      const module = await fetch(`${service.url}/onboarding/assets${request.url}`)
      response.setHeader('Content-Type', 'text/javascript').end(await module.text())
    } else response.setHeader('Content-Type', 'text/html').end(hostsPage)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

beforeAll(async () => {
  ;[browser, host, stranger] = await Promise.all([launchBrowser(), site(), site()])
  service = await serveForBrowser({
    ADMIN_API_KEY: adminKey,
    ALLOWED_ORIGINS: `https://app.example.com,${host.origin}`,
  })
})
afterAll(async () => {
  await browser?.close()
  await service?.stop()
  host?.server.close()
  stranger?.server.close()
})

async function started(): Promise<{ session_id: string; session_token: string }> {
  const response = await fetch(`${service.url}/api/v1/onboarding/start`, {
    method: 'POST',
    headers: { 'X-API-Key': adminKey },
    body: JSON.stringify(applicant),
  })
  return ((await response.json()) as { data: { session_id: string; session_token: string } }).data
}

async function pageOf(origin: string): Promise<Page> {
  const page = await browser.newPage()
  page.setDefaultTimeout(10_000)
  await page.goto(origin)
  return page
}

/** Runs `use` in the page, with the project's client. What it throws is told by its code and status. */
async function withClient<T>(
  page: Page,
  key: string,
  sessionId: string,
  use: (client: Client, id: string) => Promise<T>,
): Promise<T | { code: string; status: number }> {
  await page.waitForFunction('"createClient" in globalThis')
  const options = JSON.stringify({ baseUrl: service.url, key })
  return page.evaluate(
    `(${use})(createClient(${options}), '${sessionId}').catch(({ code, status }) => ({ code, status }))`,
  )
}

describe('a browser on the host’s own origin', { timeout: 60_000 }, () => {
  test('takes a session’s steps, reads the plans and follows the stream with the project’s client', async () => {
    const { session_id, session_token } = await started()
    const page = await pageOf(host.origin)
    const seen = await withClient(page, session_token, session_id, async (client, id) => {
      const changes: string[] = []
      const watching = (async () => {
        for await (const { type } of client.watch(id)) changes.push(type)
      })()
      const { customer_id } = await client.createCustomer(id)
      const plans = await client.plans()
      const { status } = await client.cancel(id)
      await watching
      return { last: changes.at(-1), customer_id, plan: plans[0]?.plan_id, status }
    })
    expect(seen).toEqual({
      last: 'onboarding.cancelled',
      customer_id: expect.stringMatching(/^cus_/),
      plan: 'basic',
      status: 'cancelled',
    })
  })

  test('reads why it was refused', async () => {
    const mine = await started()
    const theirs = await started()
    const page = await pageOf(host.origin)
    const customer = (client: Client, id: string) => client.createCustomer(id)
    expect(await withClient(page, mine.session_token, theirs.session_id, customer)).toEqual({
      code: 'not_found',
      status: 404,
    })
    expect(await withClient(page, 'sls_nobody', mine.session_id, customer)).toEqual({
      code: 'unauthenticated',
      status: 401,
    })
  })

  test('shows the wizard in a frame; another origin can neither frame it nor call with the token', async () => {
    const { session_id, session_token } = await started()
    const framed = async (page: Page) => {
      await page.evaluate(`new Promise((resolve) => {
        const frame = document.createElement('iframe')
        frame.src = '${service.url}/onboarding'
        frame.addEventListener('load', resolve)
        document.body.append(frame)
      })`)
      return (
        (await page
          .frames()[1]
          ?.title()
          .catch(() => '')) ?? ''
      )
    }
    expect(await framed(await pageOf(host.origin))).toContain('Set up your account')
    const elsewhere = await pageOf(stranger.origin)
    expect(await framed(elsewhere)).not.toContain('Set up your account')
    const status = await elsewhere.evaluate(
      ([url, key]) =>
        fetch(url ?? '', { headers: { 'X-API-Key': key ?? '' } }).then(
          (reply) => reply.status,
          () => 'refused by the browser',
        ),
      [`${service.url}/api/v1/onboarding/${session_id}`, session_token],
    )
    expect(status).toBe('refused by the browser')
  })
})

describe('ALLOWED_ORIGINS', () => {
  const origin = 'https://app.example.com'
  const preflight = async (t: Awaited<ReturnType<typeof testApp>>, path: string, from = origin) => {
    const { status, headers } = await t.request('OPTIONS', `/api/v1${path}`, undefined, {
      key: '',
      headers: {
        Origin: from,
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'x-api-key',
      },
    })
    return [status, headers.get('Access-Control-Allow-Origin')]
  }

  test('is RETURN_URL_ORIGINS by default, and goes for the onboarding routes and the plans alone', async () => {
    const t = await testApp({ environment: { RETURN_URL_ORIGINS: origin } })
    expect(await preflight(t, '/onboarding/step/create-customer')).toEqual([204, origin])
    expect(await preflight(t, '/billing/plans')).toEqual([204, origin])
    expect(await preflight(t, '/onboarding/step/create-customer', 'https://evil.example')).toEqual([
      204,
      null,
    ])
    for (const path of ['/billing/usage', '/admin/keys', '/billing/customers'])
      expect(await preflight(t, path)).toEqual([401, null])
    await t.close()
  })

  test('is told apart from RETURN_URL_ORIGINS, and lets no cookie through', async () => {
    const environment = { RETURN_URL_ORIGINS: 'https://other.example.com', ALLOWED_ORIGINS: origin }
    const t = await testApp({ environment })
    expect(await preflight(t, '/onboarding/cancel')).toEqual([204, origin])
    expect(await preflight(t, '/onboarding/cancel', 'https://other.example.com')).toEqual([204, null])
    const refused = await t.get('/api/v1/onboarding/nobody', { key: 'wrong', headers: { Origin: origin } })
    expect(refused.status).toBe(401)
    expect(refused.headers.get('Access-Control-Allow-Origin')).toBe(origin)
    expect(refused.headers.get('Access-Control-Expose-Headers')).toContain('Retry-After')
    expect(refused.headers.get('Vary')).toContain('Origin')
    expect(refused.headers.get('Access-Control-Allow-Credentials')).toBeNull()
    await t.close()
  })

  test.each(['*', 'app.example.com', 'https://app.example.com/path'])(
    '%s is no origin: refused at the start',
    async (value) => {
      await expect(testApp({ environment: { ALLOWED_ORIGINS: value } })).rejects.toThrow('ALLOWED_ORIGINS')
    },
  )
})
