import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { migrate } from '../../src/db/migrate.ts'
import { OtherStoredForm, storedForm } from '../../src/db/stored-form.ts'
import { eachDatabase } from '../support/databases.ts'
import { runCli } from '../support/run-cli.ts'
import { spawnService } from '../support/service-process.ts'

describe.each(eachDatabase)('on $name', ({ create }) => {
  test('a log of another form, or of none, is refused by a start, a migration and every command, and left as it is', async () => {
    const db = await create()
    try {
      await migrate(db)
      expect(await db.reader.selectFrom('stored_form').selectAll().execute()).toEqual([
        { number: storedForm },
      ])

      await db.transact((trx) =>
        trx
          .updateTable('stored_form')
          .set({ number: storedForm + 1 })
          .execute(),
      )
      await expect(migrate(db)).rejects.toThrow(OtherStoredForm)
      for (const command of ['migrate', 'verify', 'events']) {
        const { code, stderr } = await runCli([command, '--database', db.url])
        expect({ command, code }).toEqual({ command, code: 1 })
        expect(stderr).toMatch(
          /^stepledger: the log in this database has another stored form \(number 3;[^\n]*\n$/,
        )
      }
      const service = spawnService({ PORT: '0', STRIPE_ENABLED: 'false', DATABASE_URL: db.url })
      expect(await service.ended).not.toBe(0)
      expect(service.stderr()).toMatch(
        /^stepledger: DATABASE_URL: the log [^\n]*another stored form[^\n]*\n$/,
      )

      // As before forms had numbers.
      await db.transact((trx) => sql`drop table stored_form`.execute(trx))
      await expect(migrate(db)).rejects.toThrow('(without a number; this version reads number 2)')
      const { code, stderr } = await runCli(['events', '--database', db.url])
      expect([code, stderr.trim().split('\n').length]).toEqual([1, 1])
    } finally {
      await db.close()
    }
  }, 60_000)
})
