import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'rolldown'

/**
 * `npm pack` runs this: what hosts import, built into dist/. Node strips no types below node_modules, hosts may run on
 * Node 20 or in a browser, and their compilers shall see no source of ours: each entry is one ES module, one CommonJS
 * module, and the declarations of both. The service itself runs from source.
 */
const root = fileURLToPath(new URL('../..', import.meta.url))
const dist = join(root, 'dist')

type Entry = { name: string; input: string; platform: 'neutral' | 'node'; declarations: string[] }
const entries: Entry[] = [
  {
    name: 'client',
    input: 'src/client/client.ts',
    platform: 'neutral',
    declarations: ['src/client/error', 'src/client/request', 'dist/written-out', 'src/client/client'],
  },
  {
    name: 'middleware',
    input: 'src/usage/tracking.ts',
    platform: 'node',
    declarations: ['src/usage/tracking'],
  },
]

await rm(dist, { recursive: true, force: true })
await mkdir(dist)
for (const { name, input, platform } of entries)
  await build(
    (['es', 'cjs'] as const).map((format) => ({
      input: join(root, input),
      platform,
      external: ['zod'],
      transform: { target: 'node20' },
      output: { file: join(dist, `${name}.${format === 'es' ? 'js' : 'cjs'}`), format },
    })),
  )
const declared = await declarations()
for (const { name, declarations } of entries) {
  const text = joined(declarations.map((path) => declared.get(path) ?? ''))
  for (const extension of ['d.ts', 'd.cts']) await writeFile(join(dist, `${name}.${extension}`), text)
}

/** By source path without its extension: what the compiler says of each. */
async function declarations(): Promise<Map<string, string>> {
  const directory = await mkdtemp(join(dist, 'declarations-'))
  try {
    await writeFile(join(dist, 'written-out.ts'), await writtenOut())
    const config = {
      extends: '../tsconfig.json',
      compilerOptions: {
        noEmit: false,
        declaration: true,
        emitDeclarationOnly: true,
        stripInternal: true,
        rootDir: root,
        outDir: directory,
      },
      include: [],
      files: [...entries.map(({ input }) => join(root, input)), join(dist, 'written-out.ts')],
    }
    await writeFile(join(dist, 'tsconfig.json'), JSON.stringify(config))
    const compiler = join(root, 'node_modules/typescript/bin/tsc')
    const { status } = spawnSync(process.execPath, [compiler, '-p', dist], { stdio: 'inherit' })
    if (status !== 0) throw new Error('the declarations could not be made')
    const paths = entries.flatMap((entry) => entry.declarations)
    return new Map(
      await Promise.all(
        paths.map(async (path) => [path, await readFile(join(directory, `${path}.d.ts`), 'utf8')] as const),
      ),
    )
  } finally {
    for (const name of [directory, join(dist, 'written-out.ts'), join(dist, 'tsconfig.json')])
      await rm(name, { recursive: true, force: true })
  }
}

/**
 * The types of requests and replies follow from the routes' schemas, which no host has. Of a constant whose type has no
 * name, the compiler writes out in full what it is: so a constant for each.
 */
async function writtenOut(): Promise<string> {
  const types = await readFile(join(root, 'src/client/types.ts'), 'utf8')
  const names = [...types.matchAll(/^export type (\w+) =/gm)].map(([, name]) => name)
  return [
    "import type * as types from '../src/client/types.ts'",
    'declare const a: <T>() => T extends object ? { [K in keyof T]: T[K] } : T',
    ...names.map((name) => `export const ${name} = a<types.${name}>()`),
  ].join('\n')
}

/** One file of several that import from each other. */
function joined(texts: string[]): string {
  const text = texts
    .join('\n')
    .replace(/^(import|export) .* from '\.{1,2}\/[^']*';\n/gm, '')
    .replace(/^export declare const (\w+): /gm, 'export type $1 = ')
    .replace(/\btypes\.(?=[A-Z])/g, '')
  const foreign = text.match(/from '[^']*'/g)?.filter((from) => from !== "from 'hono'") ?? []
  if (foreign.length > 0 || text.includes('import(')) throw new Error(`the types import ${foreign}`)
  return text
}
