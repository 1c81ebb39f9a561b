import type { Logger } from 'pino'
import { type AccessRules, defaultAccessRules } from '../../machines/subscription.ts'
import type { Database } from '../db/database.ts'
import { inSavepoint } from '../db/savepoint.ts'
import type { Trx } from '../db/tables.ts'
import { type By, metadataOf } from '../log/by.ts'
import type { Fact, FactType, Metadata, NewFact } from '../log/facts.ts'
import { record } from '../projections/record.ts'
import type { Snapshot } from '../session/session.ts'
import { insertEffect, type NewEffect, type Owner, setTimer } from './effects.ts'

/** One write: what is recorded and asked for in it is there as a whole, or not at all. */
export type Turn = {
  trx: Trx
  /** UTC ISO 8601 with milliseconds. */
  now: string
  by: By
  log: Logger
  accessRules: AccessRules
  /**
   * Appends facts to a stream and brings the tables up to date: the only way that anything enters the log. Returns the
   * facts that are new.
   * @param expectedVersion the version of the stream's last fact as it was decided on; by default any
   * @param snapshot of a session, as the statechart gave it for its one fact: it is saved as it is
   * @throws StreamMoved
   */
  record(
    stream: string,
    facts: readonly TurnFact[],
    expectedVersion?: number,
    snapshot?: Snapshot,
  ): Promise<Fact[]>
  /** Asks for an effect, which is carried out after the commit, at once where it is due. One of this id stays as it is. */
  enqueue(effect: NewEffect): Promise<void>
  /** As `enqueue`, for who then calls `effects.run`: nobody else begins it meanwhile. */
  claim(effect: NewEffect): Promise<void>
  /** As `enqueue`, for what is looked at again and again: it comes at the earlier time, or anew. */
  wake(timer: NewEffect & { dueAt: string }): Promise<void>
  /** What `work` throws undoes what it has written and asked for, and nothing else of the turn, which goes on. */
  part<T>(work: (turn: Turn) => Promise<T>): Promise<T>
  /** The same turn, for what it does in somebody else's name. */
  as(by: By): Turn
}

/** A fact of this turn: `occurred_at` is the turn's time, and `metadata` says who, where nothing else is given. */
export type TurnFact<T extends FactType = FactType> = {
  [K in T]: Omit<NewFact<K>, 'metadata' | 'occurred_at'> & {
    metadata?: Partial<Metadata>
    occurred_at?: string
  }
}[T]

/** The one way to write. @throws what `work` throws: then nothing has happened; AppError database_busy */
export type Transact = <T>(by: By, work: (turn: Turn) => Promise<T>) => Promise<T>

/** Who carries the effects of a turn out: told of them after its commit. */
type Outbox = { owner: Owner; committed(effects: TurnEffects): void }
/** Effects that a turn has asked for: those that wait for nothing, and those that its caller carries out. */
type TurnEffects = { due: NewEffect[]; claimed: NewEffect[] }

/** @param on.accessRules by default as the settings' */
export function transactOn(
  on: { db: Database; now: () => Date; log: Logger; accessRules?: AccessRules },
  outbox: Outbox,
): Transact {
  const { accessRules = defaultAccessRules, log } = on
  return async (by, work) => {
    // Begun again where the database was busy.
    let effects: TurnEffects = { due: [], claimed: [] }
    const result = await on.db.transact((trx) => {
      effects = { due: [], claimed: [] }
      const now = on.now().toISOString()
      return work(turnOf(trx, { by, log, accessRules, now, owner: outbox.owner, effects }))
    })
    if (effects.due.length + effects.claimed.length > 0) outbox.committed(effects)
    return result
  }
}

function turnOf(
  trx: Trx,
  of: Pick<Turn, 'by' | 'now' | 'log' | 'accessRules'> & { owner: Owner; effects: TurnEffects },
): Turn {
  const { by, now, log, accessRules, owner, effects } = of
  return {
    trx,
    now,
    by,
    log,
    accessRules,
    record: (stream, facts, expectedVersion, snapshot) =>
      record(
        trx,
        stream,
        expectedVersion ?? 'any',
        facts.map(
          (fact) => ({ occurred_at: now, ...fact, metadata: metadataOf(by, fact.metadata) }) as NewFact,
        ),
        now,
        snapshot,
      ),
    async enqueue(effect) {
      await insertEffect(trx, effect, now)
      if ((effect.dueAt ?? now) <= now) effects.due.push(effect)
    },
    async claim(effect) {
      if (await insertEffect(trx, effect, now, owner)) effects.claimed.push(effect)
    },
    async wake(timer) {
      await setTimer(trx, timer, now)
      if (timer.dueAt <= now) effects.due.push(timer)
    },
    async part(work) {
      const own: TurnEffects = { due: [], claimed: [] }
      const result = await inSavepoint(trx, () => work(turnOf(trx, { ...of, effects: own })))
      effects.due.push(...own.due)
      effects.claimed.push(...own.claimed)
      return result
    },
    as: (another) => turnOf(trx, { ...of, by: another }),
  }
}
