import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { openPostman } from '../../src/simulation/world/postman.ts'

/** A service that remembers what it got, and a postman before it. */
async function street(seed: number) {
  const got: { id: string; signature: string | undefined }[] = []
  const service = createServer((request, response) => {
    let text = ''
    request.on('data', (part) => {
      text += part
    })
    request.on('end', () => {
      const signature = request.headers['stripe-signature']
      got.push({ id: JSON.parse(text).id, signature: signature?.toString() })
      response.setHeader('Content-Type', 'application/json').end('{"received": true}')
    })
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => service.once('listening', resolve))
  onTestFinished(() => void service.close())
  const postman = await openPostman(seed, () => `http://127.0.0.1:${(service.address() as AddressInfo).port}`)
  onTestFinished(postman.close)
  const send = async (id: string, type = 'invoice.paid', customer = 'cus_1') => {
    const body = JSON.stringify({ id, type, data: { object: { object: 'invoice', id: 'in_1', customer } } })
    const headers = { 'Stripe-Signature': `t=1,v1=${id}` }
    const response = await fetch(postman.url, { method: 'POST', headers, body })
    await response.arrayBuffer()
    return response.status
  }
  return { got, postman, send }
}

const ids = Array.from({ length: 120 }, (_, index) => `evt_${index}`)

test('some webhooks are refused, lost, doubled or late, and all others come once, as they were signed', async () => {
  const { got, postman, send } = await street(5)
  const answered: number[] = []
  for (const id of ids) answered.push(await send(id))
  postman.behave()
  await send('evt_last')

  const times = (id: string) => got.filter((each) => each.id === id).length
  const { count } = postman
  expect(Math.min(...Object.values(count))).toBeGreaterThan(0)
  expect(answered.filter((status) => status === 503)).toHaveLength(count.refused)
  expect(ids.filter((id) => times(id) === 0)).toHaveLength(count.refused + count.lost)
  expect(ids.filter((id) => times(id) === 2)).toHaveLength(count.doubled)
  expect(got.every(({ id, signature }) => signature === `t=1,v1=${id}`)).toBe(true)
  const order = got.map(({ id }) => ids.indexOf(id)).filter((index) => index >= 0)
  expect(order).not.toEqual(order.toSorted((a, b) => a - b))
})

test('what becomes of a webhook follows from the seed, its type, its customer and its number alone', async () => {
  const [one, two] = [await street(9), await street(9)]
  for (const id of ids) await one.send(id)
  for (const id of ids) {
    await two.send(id)
    await two.send(`other_${id}`, 'invoice.paid', 'cus_2')
    await two.send(`other_${id}`, 'invoice.created')
  }
  for (const { postman, send } of [one, two]) {
    postman.behave()
    await send('last')
  }
  const ofFirst = two.got.map(({ id }) => id).filter((id) => !id.startsWith('other_'))
  expect(ofFirst.toSorted()).toEqual(one.got.map(({ id }) => id).toSorted())
})

test('a postman who behaves delivers each webhook once', async () => {
  const { got, postman, send } = await street(5)
  postman.behave()
  for (const id of ids) expect(await send(id)).toBe(200)
  expect(got.map(({ id }) => id)).toEqual(ids)
})
