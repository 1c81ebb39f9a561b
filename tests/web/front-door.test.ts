import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Service, startService } from '../support/service.ts'

let service: Service
beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.close())

const at = (path: string, accept: string) => service.app.request(path, { headers: { Accept: accept } })

test('GET / leads on: a page of links for people, the same places as JSON for programs, and all are there', async () => {
  const page = await at('/', 'text/html,application/xhtml+xml,*/*;q=0.8')
  expect([page.status, page.headers.get('Content-Type')]).toEqual([200, 'text/html; charset=utf-8'])
  const links = [...(await page.text()).matchAll(/href="([^"]+)"/g)].map(([, path = '']) => path)
  expect(links).toEqual(expect.arrayContaining(['/console', '/onboarding', '/docs']))
  const places = (await (await at('/', '*/*')).json()) as Record<string, string>
  expect(places).toMatchObject({ console: '/console', wizard: '/onboarding', docs: '/docs' })
  const { service: _, api: __, ...paths } = places
  for (const path of [...links, ...Object.values(paths)])
    expect([path, (await at(path, 'text/html')).status]).toEqual([path, 200])
})

test('the docs name the console’s views, each one that there is and no other', async () => {
  const read = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8')
  const nav = /<nav[\s\S]*?<\/nav>/.exec(await read('src/web/console/index.html'))?.[0] ?? ''
  const views = [...nav.matchAll(/>([^<]+)<\/a>/g)].map(([, name]) => name)
  const table = /\| view \| shows \|\n.*\n((?:\|.*\n)+)/.exec(await read('docs/operations.md'))?.[1] ?? ''
  expect([...table.matchAll(/^\| ([^|]+) \|/gm)].map(([, name]) => name)).toEqual(views)
  expect(views.length).toBeGreaterThan(5)
})
