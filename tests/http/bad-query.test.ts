import { describe, expect, test } from 'vitest'
import { eachDatabase } from '../support/databases.ts'
import { adminKey } from '../support/requests.ts'
import { testApp } from '../support/test-app.ts'

type Parameter = { name: string; in: string; required?: boolean }
type Paths = Record<string, { get?: { parameters?: Parameter[] } }>

/** What the routes need beside the parameter that is tried. */
const needed: Record<string, string> = {
  tenant_id: 'tenant_a',
  from: '1',
  to: '2',
  table: 'effects',
  key: 'x',
}

describe.each(eachDatabase)('on $name', ({ create }) => {
  test('a NUL in any parameter of any list, a cursor and a path included, is refused and never a fault', async ({
    onTestFinished,
  }) => {
    const t = await testApp({ database: create })
    onTestFinished(() => t.close())
    const { paths } = (await t.get('/openapi.json')).body as { paths: Paths }
    let tried = 0
    for (const [path, { get }] of Object.entries(paths)) {
      if (get === undefined || path.endsWith('/stream')) continue
      const parameters = get.parameters ?? []
      const address = path.replaceAll(/\{\w+\}/g, (name) => needed[name.slice(1, -1)] ?? 'unknown')
      const query = parameters.filter((one) => one.in === 'query')
      for (const { name } of query) {
        const others = query.filter((one) => one.required && one.name !== name)
        const rest = others.map((one) => `&${one.name}=${needed[one.name]}`).join('')
        const reply = await t.get(`${address}?${name}=a%00b${rest}`, { key: adminKey })
        expect(reply.status, `${path} ${name}: ${reply.text}`).toBe(422)
        expect(reply.body.error.details.fields[0].path).toBe(name)
        tried += 1
      }
      if (query.some(({ name }) => name === 'cursor')) {
        for (const bad of ['2026-03-15T12:00:00.000Z a\0b', '2026\0 a', 'a \0'])
          expect(
            (await t.get(`${address}?cursor=${Buffer.from(bad).toString('base64url')}`, { key: adminKey }))
              .status,
            path,
          ).toBe(422)
      }
      if (path.includes('{')) {
        const reply = await t.get(path.replaceAll(/\{\w+\}/g, 'a%00b'), { key: adminKey })
        expect(reply.status, path).toBe(404)
      }
    }
    expect(tried).toBeGreaterThan(20)
  })
})
