import { randomUUID } from 'node:crypto'
import { pino } from 'pino'
import { openDatabase } from '../../src/db/database.ts'
import { migrate } from '../../src/db/migrate.ts'
import { PersonalKeys } from '../../src/db/personal-keys.ts'
import { transactOn } from '../../src/effects/turn.ts'

/** One record of usage as everybody stores it here. */
export type UsageFact = {
  stream: string
  recordId: string
  tenantId: string
  usageType: 'case'
  quantity: number
}

export const recorded = (index: number): UsageFact => ({
  stream: `usage-tenant_${index % 64}`,
  recordId: `usg_${randomUUID()}`,
  tenantId: `tenant_${index % 64}`,
  usageType: 'case',
  quantity: 1 + (index % 9),
})

/** The service's own way to the disk: a turn for each fact. */
export async function openStepledger(url: string) {
  const db = openDatabase(url, new PersonalKeys([Buffer.alloc(32, 7)]))
  await migrate(db)
  const now = () => new Date()
  const transact = transactOn(
    { db, now, log: pino({ level: 'silent' }) },
    { owner: { token: 'bench' } as never, committed() {} },
  )
  const record = (usage: readonly UsageFact[]) =>
    transact({ actor: 'bench' }, (turn) => turn.record(usage[0]?.stream ?? '', usage.map(factOf)))
  return { record: (usage: UsageFact) => record([usage]), recordAll: record, close: () => db.close() }
}

const factOf = (usage: UsageFact) => ({
  fact_id: `usage_${usage.recordId}`,
  type: 'usage.recorded' as const,
  tenant_id: usage.tenantId,
  data: {
    record_id: usage.recordId,
    usage_type: usage.usageType,
    action: 'increment' as const,
    quantity: usage.quantity,
    is_late: false,
    personal: { idempotency_key: null, metadata: {} },
  },
})
