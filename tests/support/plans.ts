import { type CompiledQuery, type KyselyPlugin, sql } from 'kysely'
import type { Reader, Trx } from '../../src/db/tables.ts'

/** Compiles what is asked of the reader, and keeps it. */
export function listening<R extends Reader>(reader: R, queries: CompiledQuery[]): R {
  const plugin: KyselyPlugin = {
    transformQuery({ node, queryId }) {
      queries.push(reader.getExecutor().compileQuery(node, queryId))
      return node
    },
    transformResult: async ({ result }) => result,
  }
  const { seals, logEnd } = reader as R & Partial<Pick<Trx, 'logEnd'>>
  return Object.assign(reader.withPlugin(plugin), { seals, logEnd }) as unknown as R
}

/** How SQLite would carry it out. */
export async function planOf(reader: Reader, { sql: text, parameters }: CompiledQuery): Promise<string[]> {
  const { rows } = await reader.executeQuery<{ detail: string }>({
    ...sql`select 1`.compile(reader),
    sql: `explain query plan ${text}`,
    parameters,
  })
  return rows.map(({ detail }) => detail)
}
