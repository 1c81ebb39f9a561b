import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { z } from 'zod'
import type { AppContext } from '../context.ts'
import type { Database } from '../db/database.ts'
import { tableRow } from '../db/fields.ts'
import { rowsIn, type TableRow } from '../db/table-rows.ts'
import { type Reader, type Tables, tableNames } from '../db/tables.ts'
import { NotFound } from '../errors.ts'
import type { By } from '../log/by.ts'
import { type Fact, streams } from '../log/facts.ts'
import { factOf, lastPosition } from '../log/read.ts'
import { openFact } from '../log/subject.ts'
import { readConsistently } from '../projections/consistent-read.ts'

export const TenantExport = z.object({
  tenant_id: z.string(),
  exported_at: z.string(),
  position: z.int(),
  erased_at: z.string().nullable(),
  facts: z.array(z.record(z.string(), z.unknown())),
  tables: z.record(z.string(), z.array(tableRow)),
})

/**
 * Everything that is kept of a tenant, as one JSON document (`TenantExport`), piece by piece. Facts are opened; of an erased tenant they are
 * what is left. Secrets of ours are left out: hashes of keys, wrapped keys.
 * @throws NotFound; NoPersonalKey
 */
export function exportTenant(
  db: Database,
  tenantId: string,
  now: Date,
  write: (text: string) => Promise<void>,
): Promise<{ facts: number }> {
  return readConsistently(db, async (reader) => {
    const erased = await reader
      .selectFrom('erased_tenants')
      .select('erased_at')
      .where('tenant_id', '=', tenantId)
      .executeTakeFirst()
    const head = {
      tenant_id: tenantId,
      exported_at: now.toISOString(),
      position: await lastPosition(reader),
      erased_at: erased?.erased_at ?? null,
    }
    let facts = 0
    for await (const fact of factsOf(reader, tenantId)) {
      await write(facts === 0 ? `${JSON.stringify(head).slice(0, -1)},"facts":[\n${fact}` : `,\n${fact}`)
      facts += 1
    }
    // Whatever is kept of a tenant has begun with a fact.
    if (facts === 0) throw new NotFound('tenant')
    let separator = '\n],"tables":{'
    // The log was exported as facts.
    for (const table of tableNames.filter((table) => table !== 'billing_events')) {
      await write(`${separator}\n${JSON.stringify(table)}:[`)
      await write((await rowsOf(reader, table, tenantId)).map((row) => JSON.stringify(row)).join(',\n'))
      separator = '],'
    }
    await write(']}}\n')
    return { facts }
  })
}

/** The same in one text, for an operator: whoever takes it leaves a fact. @throws NotFound; NoPersonalKey */
export async function exportForOperator(
  { db, now, transact }: Pick<AppContext, 'db' | 'now' | 'transact'>,
  tenantId: string,
  by: By,
): Promise<string> {
  const parts: string[] = []
  await exportTenant(db, tenantId, now(), async (text) => {
    parts.push(text)
  })
  await transact(by, (turn) =>
    turn.record(streams.operators, [
      {
        fact_id: `export:${randomUUID()}`,
        type: 'operator.tenant_exported',
        tenant_id: tenantId,
        data: {},
      },
    ]),
  )
  return parts.join('')
}

const secrets: Record<string, string[]> = { api_keys: ['hash'], subject_keys: ['wrapped'] }

async function rowsOf(reader: Reader, table: keyof Tables, tenantId: string): Promise<TableRow[]> {
  const rows = await rowsIn(reader, table).where('tenant_id', '=', tenantId).orderBy(sql`1`).execute()
  for (const row of rows) for (const column of secrets[table] ?? []) delete row[column]
  return rows
}

/** Those of its customers too, from before it was known whose they are. */
async function* factsOf(reader: Reader, tenantId: string): AsyncGenerator<string> {
  for (let after = 0; ; ) {
    const page = await reader
      .selectFrom('billing_events')
      .selectAll()
      .where('position', '>', after)
      .where((eb) =>
        eb.or([
          eb('tenant_id', '=', tenantId),
          eb(
            'subject',
            'in',
            eb.selectFrom('subject_keys').select('subject').where('tenant_id', '=', tenantId),
          ),
        ]),
      )
      .orderBy('position')
      .limit(pageSize)
      .execute()
    for (const row of page) yield JSON.stringify(withoutSeal(await openFact(reader, factOf(row))))
    const last = page.at(-1)
    if (last === undefined || page.length < pageSize) return
    after = last.position
  }
}

const pageSize = 500

const withoutSeal = ({ sealed: _, ...fact }: Fact) => fact
