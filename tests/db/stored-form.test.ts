import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { migrate } from '../../src/db/migrate.ts'
import { OtherStoredForm, storedForm } from '../../src/db/stored-form.ts'
import { tableNames } from '../../src/db/tables.ts'
import { verify } from '../../src/ops/verify.ts'
import { replay, verifyTables } from '../../src/projections/replay.ts'
import { eachDatabase } from '../support/databases.ts'
import { recordIncident } from '../support/incident.ts'
import { runCli } from '../support/run-cli.ts'
import { spawnService } from '../support/service-process.ts'

describe.each(eachDatabase)('on $name', ({ create }) => {
  test('a log of another form, or of none, is refused by a start, a migration and every command, and left as it is', async () => {
    const db = await create()
    const makeLog = (constraint: string) =>
      db.transact(async (trx) => {
        await sql`drop table billing_events`.execute(trx)
        await sql`create table billing_events (position bigint not null ${sql.raw(constraint)})`.execute(trx)
      })
    try {
      await makeLog(`constraint stored_form_${storedForm + 1} check (position > 0)`)
      await expect(migrate(db)).rejects.toThrow(OtherStoredForm)
      for (const command of ['migrate', 'verify', 'events']) {
        const { code, stderr } = await runCli([command, '--database', db.url])
        expect({ command, code }).toEqual({ command, code: 1 })
        expect(stderr).toMatch(
          new RegExp(`^stepledger: [^\\n]* has another stored form \\(number ${storedForm + 1};[^\\n]*\\n$`),
        )
      }
      const service = spawnService({ PORT: '0', STRIPE_ENABLED: 'false', DATABASE_URL: db.url })
      expect(await service.ended).not.toBe(0)
      expect(service.stderr()).toMatch(
        /^stepledger: DATABASE_URL: the log [^\n]*another stored form[^\n]*\n$/,
      )

      // As before forms had numbers.
      await makeLog('')
      await expect(migrate(db)).rejects.toThrow(`(without a number; this version reads number ${storedForm})`)
      const { code, stderr } = await runCli(['events', '--database', db.url])
      expect([code, stderr.trim().split('\n').length]).toEqual([1, 1])
    } finally {
      await db.close()
    }
  })

  test('a log whose every other table was dropped but the keys says what form it is, and is replayed', async () => {
    const db = await create()
    try {
      await recordIncident(db)
      const { tables } = await verifyTables(db)
      const kept = ['billing_events', 'subject_keys']
      const dropped = [...tableNames, 'kysely_migration'].filter((table) => !kept.includes(table))
      await db.transact(async (trx) => {
        await sql`drop table if exists stored_form`.execute(trx)
        await sql`drop view usage_billing`.execute(trx)
        for (const table of dropped) await sql`drop table ${sql.table(table)}`.execute(trx)
      })
      await migrate(db)
      expect(await replay(db)).toMatchObject({ ok: true, tables })
      expect(await verify(db)).toMatchObject({ ok: true, faults: [] })
    } finally {
      await db.close()
    }
  })
})
