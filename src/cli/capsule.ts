import { readFile, writeFile } from 'node:fs/promises'
import { Command } from 'commander'
import { type Capsule, type CapsuleReplay, capsule, exportCapsule } from '../ops/capsule.ts'
import { commandClock } from './command-clock.ts'
import { Misuse } from './misuse.ts'
import { paint, printJson, printLine, printTable } from './print.ts'
import { type DatabaseOptions, withDatabase } from './with-database.ts'

type ExportOptions = DatabaseOptions & { session: string; out?: string }

export const exportCommand = () =>
  new Command('export')
    .description(
      'write the capsule of an incident: a session’s facts without personal data, in one JSON file',
    )
    .requiredOption('--session <id>', 'whose facts, with its tenant’s billing facts meanwhile')
    .option('--out <file>', 'where to; it must not exist. Default: standard output')
    .option('--json', 'the capsule is JSON anyway; with --out: print {"file", "facts"}')
    .action((options: ExportOptions) =>
      withDatabase(options, async (db) => {
        const now = await commandClock(options)
        const recorded = await exportCapsule(db, options.session, now())
        const text = JSON.stringify(recorded, null, options.json ? undefined : 2)
        if (options.out === undefined) return printLine(text)
        await writeFile(options.out, `${text}\n`, { flag: 'wx', mode: 0o600 }).catch(
          (error: NodeJS.ErrnoException) => {
            if (error.code !== 'EEXIST') throw error
            throw new Misuse(`${options.out} exists already; name a file that does not`)
          },
        )
        const facts = recorded.facts.length
        if (options.json) await printJson({ file: options.out, facts })
        else await printLine(`${facts} facts in ${options.out}, without personal data`)
      }),
    )

/** @throws Misuse when the file is not there, or is no capsule */
export async function readCapsule(file: string): Promise<Capsule> {
  try {
    return capsule.parse(JSON.parse(await readFile(file, 'utf8')))
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT') throw new Misuse(`there is no file ${file}`)
    if (code !== undefined) throw error
    throw new Misuse(`${file} is no capsule; stepledger events export makes one`)
  }
}

export async function printCapsuleReplay(report: CapsuleReplay): Promise<void> {
  await printTable(
    ['position', 'fact', 'leads to'],
    report.path.map(({ position, type, place }) => [position, type, place]),
  )
  await printLine('')
  if (report.machine_version !== report.recorded_machine_version)
    await printLine(
      `Recorded by the statechart ${report.recorded_machine_version}; this one is ${report.machine_version}`,
    )
  if (report.stranded !== null) await printLine(paint('red', report.stranded.message))
  for (const difference of report.differences) await printLine(paint('red', `Differs: ${difference}`))
  if (report.ok) await printLine(paint('green', `Ends in ${report.place}, as it should`))
}
