import { resolve } from 'node:path'
import { Command } from 'commander'
import { personalKeyFile } from '../db/personal-key-file.ts'
import { backup, FileExists } from '../ops/backup.ts'
import { Misuse } from './misuse.ts'
import { printJson, printLine } from './print.ts'
import { withProgress } from './progress.ts'
import { type DatabaseOptions, databaseUrl, withDatabase } from './with-database.ts'

type Options = DatabaseOptions & { to: string }

export const backupCommand = () =>
  new Command('backup')
    .description('copy a SQLite database into a new file, while the service runs')
    .requiredOption('--to <file>', 'the file to make; it must not exist')
    .option('--json', 'print {"file", "position", "bytes"}')
    .action(async (options: Options) => {
      const url = databaseUrl(options)
      if (!url.startsWith('file:'))
        throw new Misuse(
          'backup copies a SQLite database; of PostgreSQL, pg_dump or your provider makes backups',
        )
      // Another stored form, or no log at all, is no database to back up here.
      await withDatabase(options, async () => {})
      const made = await withProgress(
        'Copying',
        (onProgress) => backup(url.slice('file:'.length), options.to, onProgress),
        'pages',
      ).catch((error: unknown) => {
        throw error instanceof FileExists ? new Misuse(error.message) : error
      })
      if (options.json) return printJson(made)
      await printLine(`${made.file}: the database to position ${made.position}, ${made.bytes} bytes`)
      await printLine(
        `The key of personal data is not in it: keep ${keyPlace(options, url)} too, in another place`,
      )
    })

const keyPlace = ({ personalKey }: Options, url: string) =>
  personalKey === undefined && process.env.PERSONAL_DATA_KEY?.trim()
    ? 'PERSONAL_DATA_KEY'
    : resolve(personalKey ?? personalKeyFile(url) ?? '')
