/**
 * `npm run bench [-- NAME…]`: Stepledger beside its peers, on this machine, now. Prints a table, and writes all figures to
 * RESULTS.md, RESULTS.json and RESULTS.svg, of which those that are not named here keep what an earlier run has found.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { facts } from './benchmarks/facts.ts'
import { factsOnPostgres } from './benchmarks/facts-postgres.ts'
import { killed } from './benchmarks/kills.ts'
import { middleware } from './benchmarks/middleware.ts'
import { past } from './benchmarks/past.ts'
import { steps, stepsAtTheSandbox, stepsOnPostgres } from './benchmarks/steps.ts'
import { usage } from './benchmarks/usage.ts'
import { webhooks } from './benchmarks/webhooks.ts'
import { describeMachine } from './machine.ts'
import { type Benchmark, type Figure, readable } from './measure.ts'
import { picture } from './picture.ts'

const benchmarks: Record<string, Benchmark> = {
  facts,
  'facts-postgres': factsOnPostgres,
  steps,
  'steps-sandbox': stepsAtTheSandbox,
  'steps-postgres': stepsOnPostgres,
  usage,
  webhooks,
  past,
  middleware,
  kills: killed,
}

const contestants = `| | log | tables of it | webhooks | keys of callers | killed in the middle |
|---|---|---|---|---|---|
| Stepledger | hash-chained, append-only | in the same commit, replayed | signed, in any order, twice | scopes, sessions | the same call under the same key |
| hand-written route | no | one row a step | no | no | the same key, if the client comes again |
| persisted XState actor | no | the snapshot | no | no | the call again, under another key |
| emmett | events | inline | no | no | the call again, under another key |
| Restate | a journal of calls | no | no | no | the call again, under the same key |
| DBOS | steps of workflows | no | no | no | the call again, under the same key |`

type Results = { machine: string; figures: Record<string, Figure[]> }

const names = process.argv.slice(2)
const strangers = names.filter((name) => !(name in benchmarks))
if (strangers.length > 0) {
  console.error(
    `There is no benchmark ${strangers.join(', ')}. There are: ${Object.keys(benchmarks).join(', ')}`,
  )
  process.exit(2)
}
const file = (ending: string) => new URL(`RESULTS.${ending}`, import.meta.url)
const results: Results = { machine: describeMachine(), figures: names.length > 0 ? earlier() : {} }
for (const [name, benchmark] of Object.entries(benchmarks)) {
  if (names.length > 0 && !names.includes(name)) continue
  console.error(`${name} …`)
  results.figures[name] = await benchmark((text) => console.error(`  ${text}`))
  // What is measured is kept, also when a later one fails.
  writeFileSync(file('json'), `${JSON.stringify(results, null, 2)}\n`)
}
const all = Object.keys(benchmarks).flatMap((name) => results.figures[name] ?? [])
writeFileSync(file('md'), report(results.machine, all))
writeFileSync(file('svg'), picture(all))
console.table(
  all.flatMap(({ title, unit, ours, others }) =>
    others.map(({ name, value, ratio }) => ({
      figure: title,
      ours: `${readable(ours)} ${unit}`,
      beside: name,
      theirs: readable(value),
      ratio: Number.isNaN(ratio) ? '' : ratio.toFixed(2),
    })),
  ),
)

function earlier(): Results['figures'] {
  try {
    return JSON.parse(readFileSync(file('json'), 'utf8')).figures
  } catch {
    return {}
  }
}

function report(machine: string, figures: readonly Figure[]): string {
  const rows = figures.flatMap(({ title, unit, better, ours, others }) =>
    others.map(({ name, value, ratio }, index) =>
      [
        index === 0 ? `${title} (${unit}, ${better === 'more' ? 'more is better' : 'less is better'})` : '',
        index === 0 ? readable(ours) : '',
        name,
        readable(value),
        Number.isFinite(ratio) ? ratio.toFixed(2) : '',
      ].join(' | '),
    ),
  )
  const notes = figures.flatMap(({ title, notes = [] }) => notes.map((note) => `- ${title}: ${note}`))
  return `# Stepledger beside its peers

Measured by \`npm run bench\` on ${machine}. All contestants of a line ran in turns on the same machine; the ratio is ours to
theirs, the median of the ratios of each round. Figures of one run can be compared with each other, and with no other run's.

![Ratios](RESULTS.svg)

| figure | Stepledger | beside | theirs | ours to theirs |
|---|---|---|---|---|
${rows.map((row) => `| ${row} |`).join('\n')}

${notes.join('\n')}

## What each does beside its speed

${contestants}
`
}
