import { once } from 'node:events'
import { connect } from 'node:net'
import { type ServerType, serve } from '@hono/node-server'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type TestApp, testApp } from '../support/test-app.ts'

let t: TestApp
beforeEach(async () => {
  t = await testApp({ app: { bodyTimeoutMs: 200 } })
})
afterEach(() => t.close())

const path = '/api/v1/billing/usage'
const usage = { tenant_id: 'tenant_a', usage_type: 'case', quantity: 1 }
const send = async (body: string, to = path) => {
  const reply = await t.post(to, body)
  return [reply.status, reply.body.error?.code]
}
const pathsOf = (body: { error: { details: { fields: { path: string }[] } } }) =>
  body.error.details.fields.map((field) => field.path)

describe('a body', () => {
  test.each([
    undefined,
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/json; charset=utf-8',
  ])('is read as JSON with the Content-Type %s', async (type) => {
    const headers: Record<string, string> = type === undefined ? {} : { 'Content-Type': type }
    expect((await t.post(path, usage, { headers })).status).toBe(200)
  })

  test.each([
    ['cut off', '{"tenant_id": "tenant_a"'],
    ['no JSON', 'tenant_id=tenant_a'],
    ['a list', '[]'],
    ['null', 'null'],
    ['a string', '"x"'],
    ['empty', ''],
    ['white space', '  \n'],
    ['NaN', '{"quantity": NaN}'],
  ])('that is %s is 400 malformed_request, and its words are not repeated', async (_name, body) => {
    const reply = await t.post(path, body)
    expect([reply.status, reply.body.error.code]).toEqual([400, 'malformed_request'])
    expect(reply.text).not.toContain('tenant_a')
  })

  test('that is not UTF-8 is 400', async () => {
    const headers = { 'X-API-Key': t.keys.a }
    const { status } = await t.app.request(path, {
      method: 'POST',
      headers,
      body: Buffer.from('{"a":"\xff"}', 'latin1'),
    })
    expect(status).toBe(400)
  })

  test.each([
    ['closed', `${'['.repeat(100_000)}${']'.repeat(100_000)}`],
    ['open', '{"a":'.repeat(100_000)],
    ['in a field', `{"metadata":${'['.repeat(65)}${']'.repeat(65)}}`],
  ])('nested too deep (%s) is 400', async (_name, body) => {
    expect(await send(body)).toEqual([400, 'malformed_request'])
  })

  test('with brackets in a text is not nested', async () => {
    const metadata = { note: `\\"${'['.repeat(400)}` }
    expect((await t.post(path, { ...usage, metadata })).status).toBe(200)
  })

  test('over 64 KiB is 413, a batch may have 1 MiB', async () => {
    const kib = (size: number) => JSON.stringify({ ...usage, pad: 'x'.repeat(size * 1024) })
    expect(await send(kib(64))).toEqual([413, 'body_too_large'])
    expect(await send(kib(63))).toEqual([422, 'invalid_request'])
    expect(await send(kib(1023), `${path}/batch`)).toEqual([422, 'invalid_request'])
    expect(await send(kib(1024), `${path}/batch`)).toEqual([413, 'body_too_large'])
  })

  test('with fields that nobody knows is 422 and names each', async () => {
    const { status, body } = await t.post(path, { ...usage, colour: 'red', size: 3 })
    expect([status, pathsOf(body)]).toEqual([422, ['colour', 'size']])
  })

  test.each(['__proto__', 'constructor', 'prototype'])(
    'with a %s field at any depth is 422 and names it',
    async (name) => {
      const top = await t.post(path, `{"tenant_id":"tenant_a","${name}":{"isAdmin":true}}`)
      expect([top.status, pathsOf(top.body)]).toEqual([422, [name]])
      const deep = await t.post(path, `{"metadata":{"a":[{"${name}":1}]}}`)
      expect([deep.status, pathsOf(deep.body)]).toEqual([422, [`metadata.a.0.${name}`]])
      expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined()
    },
  )

  test('with a list longer than any is 422, and the answer is short', async () => {
    const records = Array.from({ length: 300_000 }, () => '{}').join(',')
    const { status, text, body } = await t.post(`${path}/batch`, `{"records":[${records}]}`)
    expect([status, pathsOf(body)]).toEqual([422, ['records']])
    expect(text.length).toBeLessThan(1000)
    const fields = Array.from({ length: 900 }, (_, index) => `"${'x'.repeat(50)}${index}":1`).join(',')
    expect((await t.post(path, `{${fields}}`)).text.length).toBeLessThan(5000)
  })

  test('with NUL, or a number beyond all bounds, is 422 and names where', async () => {
    const nul = await t.post(path, '{"metadata":{"a":"\\u0000"}}')
    expect([nul.status, pathsOf(nul.body)]).toEqual([422, ['metadata.a']])
    const huge = await t.post(path, '{"metadata":{"a":-1e400}}')
    expect([huge.status, pathsOf(huge.body)]).toEqual([422, ['metadata.a']])
  })
})

test('an id in the path that cannot be one is 404', async () => {
  expect((await t.post(`${path}/${'x'.repeat(500)}/void`)).status).toBe(404)
  expect((await t.get(`${path}/tenant/%00/summary`)).status).toBe(404)
})

describe('over a real connection', () => {
  let server: ServerType
  let port: number
  beforeEach(async () => {
    server = serve({ fetch: t.app.fetch, port: 0, hostname: '127.0.0.1' })
    await once(server, 'listening')
    port = (server.address() as { port: number }).port
  })
  afterEach(() => new Promise((resolve) => server.close(resolve)))

  /** Sends the head of a POST and the parts of its body, and answers all that comes back until the connection ends. */
  async function exchange(contentLength: number, parts: string[]) {
    const socket = connect(port, '127.0.0.1')
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk
    })
    socket.on('error', () => {})
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: x\r\nX-API-Key: ${t.keys.a}\r\nContent-Length: ${contentLength}\r\n\r\n`,
    )
    for (const part of parts) socket.write(part)
    await once(socket, 'close')
    return answer
  }

  test('a body that does not arrive in time is 408 in our shape', async () => {
    const answer = await exchange(1000, ['{"tenant_id":'])
    expect(answer).toMatch(/^HTTP\/1.1 408 /)
    expect(answer).toContain('"code":"request_timeout"')
  })

  test('a body that is too large is refused before all of it has come', async () => {
    const answer = await exchange(10_000_000, ['x'.repeat(70_000)])
    expect(answer).toMatch(/^HTTP\/1.1 413 /)
  })

  test('a body that comes in pieces is put together', async () => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method: 'POST',
      headers: { 'X-API-Key': t.keys.a },
      body: ReadableStream.from(
        JSON.stringify(usage)
          .match(/.{1,9}/gs)
          ?.map((part) => Buffer.from(part)) ?? [],
      ),
      duplex: 'half',
    })
    expect(response.status).toBe(200)
  })
})
