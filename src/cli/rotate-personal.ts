import { Command } from 'commander'
import { readPersonalDataKeys } from '../config.ts'
import { keyFileInUse } from '../db/personal-key-file.ts'
import { rotatePersonalKeys } from '../ops/rotate-personal-keys.ts'
import { Misuse } from './misuse.ts'
import { printJson, printLine } from './print.ts'
import { withProgress } from './progress.ts'
import { type DatabaseOptions, databaseUrl, withDatabase } from './with-database.ts'

export const rotatePersonalCommand = () =>
  new Command('rotate-personal')
    .description('wrap all tenants’ keys by a new key of personal data, while the service runs')
    .option('--json', 'print {"wrapped_by", "rewrapped", "subjects", "key_file"}')
    .action(async (options: DatabaseOptions) => {
      const keys = readPersonalDataKeys(process.env)
      const file = keyFileInUse(databaseUrl(options), { keys, file: options.personalKey })
      if (file === undefined) assertNewKeyIsSet(keys)
      await withDatabase(options, async (db) => {
        const rotation = await withProgress(
          'Wrapping',
          (onProgress) => rotatePersonalKeys(db, file, onProgress),
          'keys',
        )
        if (options.json) return printJson({ ...rotation, key_file: file ?? null })
        await printLine(
          `All ${rotation.subjects} keys are wrapped by ${rotation.wrapped_by}; ${rotation.rewrapped} were wrapped anew`,
        )
        await printLine(
          file === undefined
            ? 'The old key can be removed from PERSONAL_DATA_KEY; backups from before need it'
            : `${file} has the new key first. The old one, behind it, goes with the next rotation; backups from before need it`,
        )
      })
    })

function assertNewKeyIsSet(keys: Buffer[] | undefined): void {
  if (keys === undefined)
    throw new Misuse(
      'there is no key here to roll: set PERSONAL_DATA_KEY, or name its file with --personal-key',
    )
  if (keys.length < 2)
    throw new Misuse(
      'PERSONAL_DATA_KEY has one key: put a new one (openssl rand -base64 32) and a comma in front of it, restart every service with both, then run this again',
    )
}
