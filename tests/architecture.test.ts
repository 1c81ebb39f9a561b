import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const biome = fileURLToPath(new URL('../node_modules/.bin/biome', import.meta.url))
const lint = (args: string[], cwd = root) =>
  spawnSync(biome, ['lint', '--max-diagnostics=50', ...args], { cwd, encoding: 'utf8' })

test('imports point inward and in no circle, in every file', () => {
  const { status, stderr, stdout } = lint([
    '--only=style/noRestrictedImports',
    '--only=suspicious/noImportCycles',
    'src',
    'machines',
  ])
  expect(`${stdout}${stderr}`).not.toMatch(/noRestrictedImports|noImportCycles/)
  expect(status).toBe(0)
})

test.each([
  ['machines/planted.ts', '../src/log/append.ts'],
  ['machines/planted.ts', 'node:fs'],
  ['src/db/planted.ts', '../log/append.ts'],
  ['src/log/planted.ts', '../projections/record.ts'],
  ['src/projections/planted.ts', '../billing/status.ts'],
  ['src/onboarding/planted.ts', '../http/app.ts'],
  ['src/onboarding/planted.ts', 'hono'],
  ['src/billing/planted.ts', '../main.ts'],
  ['src/http/planted.ts', 'kysely'],
  ['src/http/routes/planted.ts', 'stripe'],
  ['src/stripe-sandbox/planted.ts', '../log/append.ts'],
])('the rule is in force: %s may not import %s', async (file, source) => {
  const directory = await mkdtemp(join(tmpdir(), 'stepledger-lint-'))
  try {
    const config = JSON.parse(await readFile(join(root, 'biome.json'), 'utf8'))
    await writeFile(join(directory, 'biome.json'), JSON.stringify({ ...config, vcs: undefined }))
    await mkdir(dirname(join(directory, file)), { recursive: true })
    await writeFile(join(directory, file), `import { x } from '${source}'\n\nx()\n`)
    const { status, stderr, stdout } = lint([file], directory)
    expect(`${stdout}${stderr}`).toContain('noRestrictedImports')
    expect(status).not.toBe(0)
  } finally {
    await rm(directory, { recursive: true })
  }
})
