import { sql } from 'kysely'
import type { Database } from './database.ts'
import type { Tables } from './tables.ts'

/**
 * The form in which the log is stored. Until the first release each change of the facts' catalogue raises it, here and in both
 * scripts of `migrations/`: a log of another form is not read by mistake. The number is part of the log's own definition, in the
 * name of a constraint, so that neither can be lost, dropped or restored without the other.
 */
export const storedForm = 5

/**
 * Before anything is migrated or read: a log that was made before forms had numbers has none.
 * @throws OtherStoredForm
 */
export async function assertStoredForm(db: Pick<Database, 'reader' | 'dialect'>): Promise<void> {
  if (!(await hasTable(db, 'billing_events'))) return
  const number = await storedFormOf(db)
  if (number !== storedForm) throw new OtherStoredForm(number)
}

async function storedFormOf({
  reader,
  dialect,
}: Pick<Database, 'reader' | 'dialect'>): Promise<number | undefined> {
  const { rows } = await (dialect === 'sqlite'
    ? sql<{
        text: string
      }>`select sql as text from sqlite_schema where type = 'table' and name = 'billing_events'`
    : sql<{
        text: string
      }>`select conname as text from pg_constraint where conrelid = to_regclass('billing_events')`
  ).execute(reader)
  const number = /\bstored_form_(\d+)\b/.exec(rows.map(({ text }) => text).join(' '))?.[1]
  return number === undefined ? undefined : Number(number)
}

export async function hasTable(
  { reader, dialect }: Pick<Database, 'reader' | 'dialect'>,
  table: keyof Tables,
): Promise<boolean> {
  const { rows } = await (dialect === 'sqlite'
    ? sql`select 1 from sqlite_schema where type = 'table' and name = ${table}`
    : sql`select 1 where to_regclass(${table}) is not null`
  ).execute(reader)
  return rows.length > 0
}

/** The database is of another version of the program. Nothing of it was changed. */
export class OtherStoredForm extends Error {
  constructor(number: number | undefined) {
    const which = number === undefined ? 'without a number' : `number ${number}`
    super(
      `the log in this database has another stored form (${which}; this version reads number ${storedForm}): run the version that made it, or name a new database`,
    )
    this.name = 'OtherStoredForm'
  }
}
