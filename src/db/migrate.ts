import { readFile } from 'node:fs/promises'
import { CompiledQuery, sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import type { Database } from './database.ts'
import { missingTables } from './missing-tables.ts'
import { assertStoredForm } from './stored-form.ts'
import { type Reader, viewNames } from './tables.ts'

/**
 * Brings the schema up to date and says which migrations ran. Safe to run at every start and by several instances
 * at once: it is one transaction. Every script can be run again on a schema that has it, so that a database made by
 * `sqlite3 forensics.db < migrations/add_billing_tables.sql` is taken as it is.
 * @throws OtherStoredForm
 */
export function migrate(db: Database): Promise<string[]> {
  return db.transact(async (trx) => {
    await assertStoredForm({ reader: trx, dialect: db.dialect })
    // SQLite keeps a view whose table was dropped, and the migrator cannot look at it. A replay makes both again.
    if ((await missingTables({ reader: trx, dialect: db.dialect })).length > 0)
      for (const view of viewNames) await sql`drop view if exists ${sql.table(view)}`.execute(trx)
    const { error, results = [] } = await migrator(db.dialect, trx).migrateToLatest()
    if (error !== undefined) throw error
    return results.map((result) => result.migrationName)
  })
}

/** The migrations that have not run here: empty when the schema is up to date. */
export async function pendingMigrations(db: Database): Promise<string[]> {
  const migrations = await migrator(db.dialect, db.reader).getMigrations()
  return migrations.filter((migration) => migration.executedAt === undefined).map(({ name }) => name)
}

/** Makes again what was dropped of the schema, empty. Also a migration that has run here runs again. */
export async function restoreTables(db: Database): Promise<void> {
  await db.transact(async (trx) => {
    for (const name of scripts) await run(trx, db.dialect, name)
  })
}

const scripts = ['add_billing_tables']

async function run(
  db: Pick<Reader, 'executeQuery'>,
  dialect: Database['dialect'],
  name: string,
): Promise<void> {
  const extension = dialect === 'sqlite' ? 'sql' : 'postgres.sql'
  const script = new URL(`../../migrations/${name}.${extension}`, import.meta.url)
  await db.executeQuery(CompiledQuery.raw(await readFile(script, 'utf8')))
}

function migrator(dialect: Database['dialect'], db: Reader): Migrator {
  const migration = (name: string): Migration => ({ up: (trx) => run(trx, dialect, name) })
  return new Migrator({
    db,
    provider: {
      getMigrations: async () => Object.fromEntries(scripts.map((name) => [name, migration(name)])),
    },
  })
}
