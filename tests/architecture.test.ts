import { glob, readFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const { lines, homes } = readRules(await readFile(join(root, 'docs/architecture.md'), 'utf8'))
const rooms = lines.flat()

test('every file lies in a room of the list', async () => {
  for await (const file of sources()) expect(roomOf(file), file).toBeDefined()
  expect(rooms.length).toBeGreaterThan(20)
})

test('imports run down the list, and packages stay where they belong', async () => {
  const wrong: string[] = []
  for await (const file of sources())
    for (const imported of importsOf(await readFile(join(root, file), 'utf8')))
      if (!mayImport(file, imported)) wrong.push(`${file} imports ${imported}`)
  expect(wrong).toEqual([])
})

describe('the rule is in force', () => {
  test.each([
    ['src/db/planted.ts', '../log/append.ts'],
    ['src/log/planted.ts', '../projections/record.ts'],
    ['src/projections/planted.ts', '../billing/plans.ts'],
    ['src/onboarding/planted.ts', '../billing/plans.ts'],
    ['src/onboarding/planted.ts', '../http/app.ts'],
    ['src/onboarding/planted.ts', 'hono'],
    ['src/inbox/planted.ts', '../outbox/runner.ts'],
    ['src/http/routes/planted.ts', 'kysely'],
    ['src/http/planted.ts', '../main.ts'],
    ['src/stripe-sandbox/objects/planted.ts', '../../log/append.ts'],
    ['src/stripe-sandbox/objects/planted.ts', '../sandbox.ts'],
    ['src/stripe-sandbox/payments/planted.ts', '../invoices/invoicing.ts'],
    ['src/stripe-sandbox/catalogue/planted.ts', '../delivery/events.ts'],
    ['src/stripe-sandbox/catalogue/planted.ts', 'better-sqlite3/lib/database.js'],
    ['machines/planted.ts', '../src/log/append.ts'],
    ['machines/planted.ts', 'node:fs'],
  ])('%s may not import %s', (file, imported) => expect(mayImport(file, imported)).toBe(false))

  test.each([
    ['src/http/planted.ts', '../billing/plans.ts'],
    ['src/http/planted.ts', 'hono/cors'],
    ['src/stripe-sandbox/invoices/planted.ts', '../payments/payment.ts'],
    ['src/stripe-sandbox/objects/planted.ts', 'stripe'],
    ['src/log/planted.ts', './append.ts'],
    ['src/log/planted.ts', 'node:crypto'],
    ['machines/planted.ts', 'xstate'],
  ])('%s may import %s', (file, imported) => expect(mayImport(file, imported)).toBe(true))

  test('every form of import is seen', () => {
    const code = `import 'a'
import type { A } from 'b'
import {
  B,
} from 'c'
export * from 'd'
const f = await import('e')
import G, { H } from 'f'
const text = "imports 'g'"
`
    expect(importsOf(code)).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
  })

  test('a file lies in the innermost room', () => {
    expect(roomOf('src/stripe-sandbox/objects/planted.ts')).toBe('src/stripe-sandbox/objects')
    expect(innermost(['src/a', 'src/a/b', 'src/a/bc'], 'src/a/b/planted.ts')).toBe('src/a/b')
    expect(roomOf('src/stripe-sandbox/planted.ts')).toBeUndefined()
  })
})

function mayImport(file: string, imported: string): boolean {
  const from = roomOf(file)
  if (!imported.startsWith('.')) {
    if (from === 'machines') return ['xstate', 'zod'].includes(imported)
    const home = homes.find(({ name }) => imported === name || imported.startsWith(`${name}/`))
    return home === undefined || innermost(home.rooms, file) !== undefined
  }
  const target = relative(root, join(root, dirname(file), imported))
  if (target === 'package.json') return true
  const to = roomOf(target)
  return to !== undefined && (to === from || lineOf(to) > lineOf(from ?? ''))
}

function roomOf(file: string): string | undefined {
  return innermost(rooms, file)
}

function innermost(within: string[], file: string): string | undefined {
  const around = within.filter((room) => file === room || file.startsWith(`${room}/`))
  return around.sort((a, b) => b.length - a.length)[0]
}

function lineOf(room: string): number {
  return lines.findIndex((line) => line.includes(room))
}

async function* sources() {
  for await (const file of glob(['src/**/*.ts', 'machines/**/*.ts'], { cwd: root })) yield file
}

/** Of code that biome has formatted. */
function importsOf(code: string): string[] {
  const forms = /^(?:(?:import|export|\}) (?:[^'\n]* )?from|import) '([^']+)'|\bimport\('([^']+)'\)/gm
  return [...code.matchAll(forms)].map(([, name, lazy]) => name ?? lazy ?? '')
}

/** The two tables of "The rooms": a line's rooms, and where a package belongs. */
function readRules(text: string) {
  const section = text.slice(text.indexOf('## The rooms'), text.indexOf('## Decisions'))
  const [first = '', second = ''] = section.split('| package | only in |')
  const cells = (row: string) => row.split('|').slice(1, 3)
  const namesIn = (cell = '') => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? '')
  const rows = (table: string) => table.split('\n').filter((line) => line.startsWith('| `'))
  return {
    lines: rows(first).map((row) => namesIn(cells(row)[0])),
    homes: rows(second).map((row) => {
      const [names, places] = cells(row).map(namesIn)
      return { name: names?.[0] ?? '', rooms: places ?? [] }
    }),
  }
}
