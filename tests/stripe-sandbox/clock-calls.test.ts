import { expect, onTestFinished, test } from 'vitest'
import { startSandbox } from '../../src/stripe-sandbox/sandbox.ts'
import { listener, post, start, temporaryFolder } from './start.ts'

/** What `start` begins at, unix seconds. */
const begin = Date.parse('2026-11-01T12:00:00Z') / 1000
const hour = 3600
const day = 24 * hour
const path = '/_sandbox/clock'
const secret = 'whsec_test'

test('the clock is read and moved over HTTP, by a distance or to a time', async () => {
  const { box, stripe } = await start()
  expect(await (await fetch(`${box.url}${path}`)).json()).toEqual({ now: begin, is_playing: false })
  expect(await post(box, path, { advance_seconds: day })).toEqual({
    status: 200,
    body: { now: begin + day, dropped: [] },
  })
  expect(await post(box, path, { now: begin + 3 * day })).toMatchObject({ body: { now: begin + 3 * day } })
  expect(await post(box, path, { now: begin + 3 * day })).toMatchObject({ status: 200 })
  expect((await stripe.customers.create({})).created).toBe(begin + 3 * day)
})

test('it is not moved back, nor by a body that says something else', async () => {
  const { box } = await start()
  const bodies = [
    { now: begin - 1 },
    { now: 1e15 },
    { advance_seconds: 1e13 },
    { advance_seconds: -1 },
    { advance_seconds: 1.5 },
    { advance_seconds: '60' },
    { advance_seconds: 1, now: begin },
    { advance_seconds: 1, other: 1 },
    {},
    [],
    'not JSON',
    '',
  ]
  for (const body of bodies)
    expect(await post(box, path, body), JSON.stringify(body)).toMatchObject({
      status: 400,
      body: { error: { type: 'invalid_request_error', message: expect.stringMatching(/./) } },
    })
  expect(box.clock.nowMs()).toBe(begin * 1000)
})

test('distances of moves at once add up', async () => {
  const { box } = await start()
  const moves = await Promise.all([1, 2, 3].map(() => post(box, path, { advance_seconds: hour })))
  const times = moves.map(({ body }) => (body as { now: number }).now)
  expect(times.sort()).toEqual([begin + hour, begin + 2 * hour, begin + 3 * hour])
})

test('a follower is called at its url, at every instant that it asks for, also after a restart of the sandbox', async () => {
  const file = `${temporaryFolder()}/sandbox.db`
  const clock = () => begin * 1000
  const times: number[] = []
  const { url } = await listener((body) => {
    const { now } = JSON.parse(body) as { now: number }
    times.push(now)
    return { body: { next_due: now < begin + day ? now + day / 2 : null } }
  })
  const box = await startSandbox({ file, clock })
  expect(await post(box, `${path}/followers`, { url })).toMatchObject({ status: 200, body: { now: begin } })
  await post(box, `${path}/followers`, { url })
  expect(await post(box, path, { advance_seconds: hour })).toMatchObject({ body: { dropped: [] } })
  expect(times).toEqual([begin, begin + hour])
  await box.close()
  const again = await startSandbox({ file, clock })
  onTestFinished(() => again.close())
  expect(await post(again, path, { now: begin + 3 * day })).toMatchObject({ body: { dropped: [] } })
  expect(times.slice(2)).toEqual([begin + hour, begin + hour + day / 2, begin + hour + day, begin + 3 * day])
})

test('the clock says that a move is played, and its time, while one is', async () => {
  const { box } = await start()
  const looks: unknown[] = []
  const { url } = await listener(async () => {
    looks.push(await (await fetch(`${box.url}${path}`)).json())
    return { body: { next_due: null } }
  })
  await post(box, `${path}/followers`, { url })
  await post(box, path, { advance_seconds: day })
  expect(looks).toEqual([
    { now: begin, is_playing: true },
    { now: begin + day, is_playing: true },
  ])
})

/** Its name in `dropped`: what comes after it may be a secret. */
const originOf = ({ url }: { url: string }) => new URL(url).origin

test('only a url of this machine may follow', async () => {
  const { box } = await start()
  const urls = ['http://example.com/', 'ftp://127.0.0.1/', 'http://127.0.0.1.example.com/', 'clock', '', 7]
  for (const url of urls)
    expect(await post(box, `${path}/followers`, { url }), String(url)).toMatchObject({
      status: 400,
      body: { error: { type: 'invalid_request_error' } },
    })
  for (const url of ['http://localhost:1/x', 'http://[::1]:1/x', 'http://127.0.0.9:1/x'])
    expect(await post(box, `${path}/followers`, { url }), url).toMatchObject({ status: 200 })
})

test('one that refuses the connection is dropped at once, and not called again before it registers', async () => {
  const { box } = await start()
  const times: number[] = []
  const gone = await listener(() => ({}))
  const here = await listener((body) => {
    times.push((JSON.parse(body) as { now: number }).now)
    return { body: { next_due: null } }
  })
  gone.close()
  for (const { url } of [gone, here]) await post(box, `${path}/followers`, { url })
  expect(await post(box, path, { advance_seconds: 60 })).toMatchObject({
    body: { dropped: [originOf(gone)] },
  })
  expect(await post(box, path, { advance_seconds: 60 })).toMatchObject({ body: { dropped: [] } })
  expect(times).toEqual([begin, begin + 60, begin + 60, begin + 120])
})

test('one whose address is nobody’s any more is forgotten, and not missed', async () => {
  const { box } = await start()
  let calls = 0
  const { url } = await listener(() => {
    calls += 1
    return { status: 404 }
  })
  await post(box, `${path}/followers`, { url })
  for (let moves = 0; moves < 2; moves += 1)
    expect(await post(box, path, { advance_seconds: 60 })).toMatchObject({
      status: 200,
      body: { dropped: [] },
    })
  expect(calls).toBe(1)
})

test('one that answers an error, or not what it should, is dropped from this move alone', async () => {
  const { box } = await start()
  let answer: { status?: number; body?: unknown } = {}
  const { url } = await listener(() => answer)
  await post(box, `${path}/followers`, { url })
  for (answer of [{ status: 500 }, { body: {} }, { body: { next_due: 'soon' } }, { body: 'x' }])
    expect(await post(box, path, { advance_seconds: 60 })).toMatchObject({
      status: 200,
      body: { dropped: [originOf({ url })] },
    })
  answer = { body: { next_due: null } }
  expect(await post(box, path, { advance_seconds: 60 })).toMatchObject({ body: { dropped: [] } })
})

test('one that does not answer in 10 s is dropped from this move, which goes on without it', async () => {
  const { box } = await start()
  let calls = 0
  const { url } = await listener(() => {
    calls += 1
    return undefined
  })
  await post(box, `${path}/followers`, { url })
  expect(await post(box, path, { advance_seconds: day })).toMatchObject({
    body: { now: begin + day, dropped: [originOf({ url })] },
  })
  expect(calls).toBe(1)
})

test('a sandbox that is closed ends its move, and goes on from the instant that it has reached', async () => {
  const file = `${temporaryFolder()}/sandbox.db`
  const options = { file, clock: () => begin * 1000, webhook: { url: 'http://127.0.0.1:1/', secret } }
  const box = await startSandbox(options)
  let closed: Promise<void> | undefined
  box.clock.follow('one', async (now) => {
    if (now === begin + hour) closed = box.close()
    return now + hour
  })
  await expect(box.clock.advanceTo(begin + day)).rejects.toThrow('closed')
  await closed
  const again = await startSandbox(options)
  onTestFinished(() => again.close())
  expect(again.clock.nowMs()).toBe((begin + hour) * 1000)
})
