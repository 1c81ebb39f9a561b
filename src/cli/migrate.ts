import { Command } from 'commander'
import { migrate } from '../db/migrate.ts'
import { assertPersonalKeys } from '../db/seals.ts'
import { assertStoredForm } from '../db/stored-form.ts'
import { printJson, printLine } from './print.ts'
import { type DatabaseOptions, withNewDatabase } from './with-database.ts'

export const migrateCommand = () =>
  new Command('migrate')
    .description('bring the schema up to date')
    .option('--json', 'print {"migrations": [names that ran]}')
    .action((options: DatabaseOptions) =>
      withNewDatabase(options, async (db) => {
        await assertStoredForm(db)
        // Who migrates without the key would find out at the next start.
        await assertPersonalKeys(db)
        const migrations = await migrate(db)
        if (options.json) await printJson({ migrations })
        else if (migrations.length === 0) await printLine('The schema is up to date')
        else for (const name of migrations) await printLine(`Ran ${name}`)
      }),
    )
