import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createContext, runInContext } from 'node:vm'
import { build } from 'rolldown'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Service, startService } from '../support/service.ts'
import { applicant } from '../support/wizard.ts'

/** What `npm pack` makes, installed into a host: strict TypeScript, both resolutions, both module systems, a browser. */
const root = fileURLToPath(new URL('../..', import.meta.url))
/** Packing compiles: seconds on a quiet machine. */
const packingMs = 300_000
const compilingMs = 120_000
let directory: string
let host: string
let service: Service

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'stepledger-package-'))
  host = join(directory, 'host')
  const installed = join(host, 'node_modules/stepledger')
  await mkdir(installed, { recursive: true })
  await run('npm', ['pack', '--loglevel=error', '--pack-destination', directory], root)
  const [tarball] = (await readdir(directory)).filter((name) => name.endsWith('.tgz'))
  await run('tar', ['-xzf', join(directory, tarball ?? ''), '-C', installed, '--strip-components=1'], root)
  // What npm would install beside it.
  for (const name of ['hono', 'zod'])
    await symlink(join(root, 'node_modules', name), join(host, 'node_modules', name))
  await cp(fileURLToPath(new URL('host', import.meta.url)), host, { recursive: true })
  await writeFile(join(host, 'package.json'), '{"type": "module"}')
  service = await startService({ webhooks: true })
}, packingMs)

afterAll(async () => {
  await service?.close()
  await rm(directory, { recursive: true, force: true })
})

/** Beside this process: the service is in it, and answers meanwhile. */
async function run(command: string, args: string[], cwd: string): Promise<string> {
  const ended = await promisify(execFile)(command, args, { cwd }).catch((error) => error)
  expect(ended.code, `${ended.stdout}${ended.stderr}`).toBeUndefined()
  return ended.stdout
}

test('the package has the program, what hosts import, the model, and the docs; no tests, no pictures', async () => {
  const names = await readdir(join(host, 'node_modules/stepledger'), { recursive: true })
  expect(names).toEqual(
    expect.arrayContaining([
      ...['client', 'middleware'].flatMap((name) =>
        ['js', 'cjs', 'd.ts', 'd.cts'].map((extension) => `dist/${name}.${extension}`),
      ),
      ...['src/stepledger.js', 'machines/onboarding.ts', 'migrations/add_billing_tables.sql'],
      ...['README.md', 'LICENSE', 'docs/api.md', '.env.example', 'tests/model/model.ts'],
    ]),
  )
  expect(names.filter((name) => /\.test\.|^tests\/(?!model)|^bench|\.png$|build\.ts/.test(name))).toEqual([])
})

test.each([
  ['bundler', { module: 'esnext', moduleResolution: 'bundler' }, ['esm.ts']],
  ['nodenext', { module: 'nodenext' }, ['esm.ts', 'cjs.cts']],
])(
  'a strict TypeScript host compiles, libraries checked, with the resolution %s',
  async (name, how, files) => {
    const compilerOptions = {
      ...how,
      target: 'es2022',
      lib: ['es2022', 'dom', 'dom.iterable'],
      types: [],
      noEmit: true,
      strict: true,
      skipLibCheck: false,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
    }
    await writeFile(join(host, `tsconfig.${name}.json`), JSON.stringify({ compilerOptions, files }))
    const compiler = join(root, 'node_modules/typescript/bin/tsc')
    await run(process.execPath, [compiler, '-p', `tsconfig.${name}.json`], host)
  },
  compilingMs,
)

test('the types import nothing but hono', async () => {
  for (const name of ['client', 'middleware'])
    for (const extension of ['d.ts', 'd.cts']) {
      const text = await readFile(join(host, `node_modules/stepledger/dist/${name}.${extension}`), 'utf8')
      const imported = text.match(/(?<=from |import\()['"][^'"]*/g) ?? []
      expect(imported).toEqual(name === 'client' ? [] : ["'hono"])
    }
})

/** The suite's own, and the machine's, which may be as old as 20. */
const nodes = [
  process.execPath,
  ...(process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '' && !folder.includes('node_modules'))
    .map((folder) => join(folder, 'node'))
    .filter((path) => existsSync(path)),
]

test.each(['run.mjs', 'run.cjs'])(
  '%s runs with the client and the middleware, on every Node that is here',
  async (file) => {
    for (const node of nodes)
      expect(
        JSON.parse(await run(node, [file, service.url ?? '', service.keys.platform], host)),
        node,
      ).toEqual({
        plans: ['basic', 'professional', 'enterprise'],
        refused: { isOurs: true, code: 'not_found', status: 404 },
        counted: [{ tenantId: 'tenant_a', quantity: 2 }],
      })
  },
  compilingMs,
)

test('a browser’s bundle has nothing of Node, and works with what a page has', async () => {
  const { output } = await build({
    cwd: host,
    input: 'browser.js',
    platform: 'browser',
    write: false,
    output: { format: 'iife', name: 'host' },
  })
  const [{ code }] = output
  expect(code).not.toMatch(/\brequire\(|node:/)
  const page = createContext({
    fetch,
    crypto,
    URL,
    URLSearchParams,
    Response,
    AbortController,
    setTimeout,
    clearTimeout,
  })
  runInContext(code, page)
  const { createClient } = page.host as typeof import('../../src/client/client.ts')
  const started = await createClient({ baseUrl: service.url ?? '', key: service.keys.platform }).start(
    applicant,
  )
  expect(started).toMatchObject({ status: 'started', next_step: 'create_customer' })
})
