import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { inSavepoint } from '../../src/db/savepoint.ts'
import { eachDatabase } from '../support/databases.ts'
import { at } from '../support/facts.ts'

test.each(eachDatabase)(
  'a part that throws, in the database too, is undone alone, and the transaction goes on: $name',
  async ({ create }) => {
    const db = await create()
    try {
      const enqueue = (id: string) => sql`insert into effects
        (effect_id, stream, kind, params, status, attempts, due_at, created_at, updated_at)
        values (${id}, 's', 'k', '{}', 'pending', 0, ${at(0)}, ${at(0)}, ${at(0)})`
      await db.transact(async (trx) => {
        await enqueue('before').execute(trx)
        await inSavepoint(trx, () => enqueue('kept').execute(trx))
        for (const fail of [
          () => enqueue('before').execute(trx),
          () => Promise.reject(new Error('a bug')),
          () => inSavepoint(trx, () => enqueue('kept').execute(trx)),
        ])
          await expect(
            inSavepoint(trx, async () => {
              await enqueue('undone').execute(trx)
              await fail()
            }),
          ).rejects.toThrow()
        await enqueue('after').execute(trx)
      })
      const rows = await db.reader.selectFrom('effects').select('effect_id').execute()
      expect(rows.map(({ effect_id }) => effect_id).sort()).toEqual(['after', 'before', 'kept'])
    } finally {
      await db.close()
    }
  },
)

test.each(eachDatabase)(
  'a key that was made in a part that is undone seals nothing afterwards: $name',
  async ({ create }) => {
    const db = await create()
    try {
      const subject = 'tenant:Jeturing_1'
      const sealed = await db.transact(async (trx) => {
        const undone = inSavepoint(trx, async () => {
          await trx.seals.seal(subject, 'Jeturing_1', 'undone', at(0))
          throw new Error('a bug')
        })
        await expect(undone).rejects.toThrow('a bug')
        return trx.seals.seal(subject, 'Jeturing_1', 'kept', at(0))
      })
      expect(await db.reader.seals.open(subject, sealed ?? '')).toBe('kept')
    } finally {
      await db.close()
    }
  },
)
