import Database from 'better-sqlite3'
import type Stripe from 'stripe'
import { keepPrivate } from './private-file.ts'

/** Every kind of object that the sandbox keeps, by the value of its `object` field. */
export type ObjectTypes = {
  'billing_portal.session': Stripe.BillingPortal.Session
  charge: Stripe.Charge
  coupon: Stripe.Coupon
  credit_note: Stripe.CreditNote
  customer: Stripe.Customer
  customer_balance_transaction: Stripe.CustomerBalanceTransaction
  discount: Stripe.Discount
  dispute: Stripe.Dispute
  event: Stripe.Event
  invoice: Stripe.Invoice
  invoice_payment: Stripe.InvoicePayment
  invoiceitem: Stripe.InvoiceItem
  payment_intent: Stripe.PaymentIntent
  payment_method: Stripe.PaymentMethod
  price: Stripe.Price
  product: Stripe.Product
  promotion_code: Stripe.PromotionCode
  refund: Stripe.Refund
  setup_intent: Stripe.SetupIntent
  subscription: Stripe.Subscription
  subscription_item: Stripe.SubscriptionItem
  'test_helpers.test_clock': Stripe.TestHelpers.TestClock
  webhook_endpoint: Stripe.WebhookEndpoint
}
export type ObjectType = keyof ObjectTypes
export type StoredObject = ObjectTypes[ObjectType]

export type Query<T> = {
  /** JSON path without `$.` to the value it must have; `undefined` is no condition. */
  equal?: Record<string, string | number | boolean | null | undefined>
  created?:
    | { gt?: number | undefined; gte?: number | undefined; lt?: number | undefined; lte?: number | undefined }
    | undefined
  /** A condition on what is computed when the object is shown. */
  where?: (object: T) => boolean
  limit?: number
  startingAfter?: string | undefined
  endingBefore?: string | undefined
}

export type Store = {
  readonly db: Database.Database
  find<K extends ObjectType>(type: K, id: string): ObjectTypes[K] | undefined
  /** The stub that is left of a deleted object. */
  findDeleted(type: ObjectType, id: string): object | undefined
  save<T extends StoredObject>(object: T): T
  remove(object: StoredObject, stub: object): void
  /** Newest first. */
  list<K extends ObjectType>(
    type: K,
    query?: Query<ObjectTypes[K]>,
  ): { data: ObjectTypes[K][]; hasMore: boolean }
  all<K extends ObjectType>(type: K, equal: NonNullable<Query<never>['equal']>): ObjectTypes[K][]
  /** What the sandbox knows about an object and Stripe would not tell. */
  hidden<T extends object>(id: string): Partial<T>
  hide(id: string, more: object): void
  /** A counter that survives restarts, from 1. */
  next(counter: string): number
  transaction<T>(work: () => T): T
  close(): void
}

/** Opens the file that holds all of the sandbox's state; `created` is in unix seconds of `nowSeconds`. */
export function openStore(file: string, nowSeconds: () => number): Store {
  keepPrivate(file)
  const db = new Database(file)
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = NORMAL')
  keepTimersInOrder(db)
  db.exec(schema)
  const one = db.prepare('SELECT json FROM objects WHERE type = ? AND id = ? AND deleted = ?').pluck()
  const upsert = db.prepare(
    `INSERT INTO objects (type, id, created, json) VALUES (?, ?, ?, ?)
     ON CONFLICT (type, id) DO UPDATE SET json = excluded.json, deleted = 0`,
  )
  const markDeleted = db.prepare('UPDATE objects SET deleted = 1, json = ? WHERE type = ? AND id = ?')
  const position = db.prepare('SELECT seq FROM objects WHERE type = ? AND id = ?').pluck()
  const readHidden = db.prepare('SELECT json FROM hidden WHERE id = ?').pluck()
  const writeHidden = db.prepare(
    'INSERT INTO hidden (id, json) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET json = excluded.json',
  )
  const count = db
    .prepare(
      `INSERT INTO counters (name, value) VALUES (?, 1)
       ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value`,
    )
    .pluck()

  const listers = new Map<string, Database.Statement<(string | number | null)[], string>>()
  /** Prepared once, unless a list is read within a list. */
  const lister = (sql: string) => {
    const known = listers.get(sql)
    if (known !== undefined && !known.busy) return known
    const prepared = db.prepare<(string | number | null)[], string>(sql).pluck()
    listers.set(sql, prepared)
    return prepared
  }

  const store: Store = {
    db,
    find: <K extends ObjectType>(type: K, id: string) => {
      const json = one.get(type, id, 0) as string | undefined
      return json === undefined ? undefined : (JSON.parse(json) as ObjectTypes[K])
    },
    findDeleted: (type, id) => {
      const json = one.get(type, id, 1) as string | undefined
      return json === undefined ? undefined : (JSON.parse(json) as object)
    },
    save: (object) => {
      upsert.run(object.object, object.id, nowSeconds(), JSON.stringify(object))
      return object
    },
    remove: (object, stub) => {
      markDeleted.run(JSON.stringify(stub), object.object, object.id)
    },
    list: <K extends ObjectType>(type: K, query: Query<ObjectTypes[K]> = {}) => {
      const { sql, values, backwards } = select(
        type,
        query,
        (id) => position.get(type, id) as number | undefined,
      )
      const limit = query.limit ?? 10
      const data: ObjectTypes[K][] = []
      for (const json of lister(sql).iterate(...values)) {
        const object = JSON.parse(json) as ObjectTypes[K]
        if (query.where && !query.where(object)) continue
        data.push(object)
        if (data.length > limit) break
      }
      const hasMore = data.length > limit
      if (hasMore) data.pop()
      return { data: backwards ? data.reverse() : data, hasMore }
    },
    all: (type, equal) => store.list(type, { equal, limit: Number.MAX_SAFE_INTEGER }).data.reverse(),
    hidden: <T extends object>(id: string) =>
      JSON.parse((readHidden.get(id) as string | undefined) ?? '{}') as Partial<T>,
    hide: (id, more) => {
      writeHidden.run(id, JSON.stringify({ ...store.hidden(id), ...more }))
    },
    next: (counter) => count.get(counter) as number,
    transaction: (work) => db.transaction(work).immediate(),
    close: () => db.close(),
  }
  return store
}

/** Paths that have a column with an index. */
const columns = new Map([
  ['customer', 'customer'],
  ['email', 'email'],
  ['invoice', 'invoice'],
  ['payment.payment_intent', 'payment_intent'],
])

function select<T>(type: ObjectType, query: Query<T>, placeOf: (id: string) => number | undefined) {
  const conditions = ['type = ?', 'deleted = 0']
  const values: (string | number | null)[] = [type]
  const add = (condition: string, value: string | number | null) => {
    conditions.push(condition)
    values.push(value)
  }
  for (const [path, value] of Object.entries(query.equal ?? {})) {
    if (value === undefined) continue
    // Paths come from the sandbox's own code, never from a request.
    const column = columns.get(path) ?? `json_extract(json, '$.${path}')`
    add(`${column} IS ?`, typeof value === 'boolean' ? Number(value) : value)
  }
  for (const [name, operator] of [
    ['gt', '>'],
    ['gte', '>='],
    ['lt', '<'],
    ['lte', '<='],
  ] as const) {
    const bound = query.created?.[name]
    if (bound !== undefined) add(`created ${operator} ?`, bound)
  }
  const backwards = query.endingBefore !== undefined
  if (query.startingAfter !== undefined) add('seq < ?', placeOf(query.startingAfter) ?? 0)
  if (query.endingBefore !== undefined) add('seq > ?', placeOf(query.endingBefore) ?? 0)
  const sql = `SELECT json FROM objects WHERE ${conditions.join(' AND ')} ORDER BY seq ${backwards ? 'ASC' : 'DESC'}`
  return { sql, values, backwards }
}

/** Files of earlier versions have timers without an order. */
function keepTimersInOrder(db: Database.Database): void {
  const columns = db.pragma('table_info(timers)') as { name: string }[]
  if (columns.length === 0 || columns.some(({ name }) => name === 'seq')) return
  db.transaction(() => {
    db.exec('ALTER TABLE timers RENAME TO unordered_timers; DROP INDEX timers_due')
    db.exec(schema)
    db.exec(`INSERT INTO timers (kind, object_id, due_at) SELECT * FROM unordered_timers ORDER BY due_at;
      DROP TABLE unordered_timers`)
  })()
}

const schema = `
CREATE TABLE IF NOT EXISTS objects (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  type TEXT NOT NULL,
  id TEXT NOT NULL,
  created INTEGER NOT NULL,
  deleted INTEGER NOT NULL DEFAULT 0,
  json TEXT NOT NULL,
  customer TEXT GENERATED ALWAYS AS (json_extract(json, '$.customer')) VIRTUAL,
  email TEXT GENERATED ALWAYS AS (json_extract(json, '$.email')) VIRTUAL,
  invoice TEXT GENERATED ALWAYS AS (json_extract(json, '$.invoice')) VIRTUAL,
  payment_intent TEXT GENERATED ALWAYS AS (json_extract(json, '$.payment.payment_intent')) VIRTUAL,
  UNIQUE (type, id)
);
CREATE INDEX IF NOT EXISTS objects_in_order ON objects (type, seq);
CREATE INDEX IF NOT EXISTS objects_of_customer ON objects (type, customer, seq);
CREATE INDEX IF NOT EXISTS objects_by_email ON objects (type, email, seq);
CREATE INDEX IF NOT EXISTS objects_of_invoice ON objects (type, invoice, seq);
CREATE INDEX IF NOT EXISTS objects_of_payment_intent ON objects (type, payment_intent, seq);
CREATE TABLE IF NOT EXISTS hidden (id TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
-- One row per event and endpoint; done_at is set by a 2xx (then delivered is 1), or when the three days are over.
CREATE TABLE IF NOT EXISTS deliveries (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  event_id TEXT NOT NULL,
  endpoint_id TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  due_at INTEGER NOT NULL,
  done_at INTEGER,
  delivered INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (due_at) WHERE done_at IS NULL;
CREATE INDEX IF NOT EXISTS deliveries_of_event ON deliveries (event_id);
CREATE TABLE IF NOT EXISTS idempotency (
  key TEXT PRIMARY KEY,
  endpoint TEXT NOT NULL,
  parameters_hash TEXT NOT NULL,
  status INTEGER NOT NULL,
  body TEXT NOT NULL,
  request_id TEXT NOT NULL,
  created_at INTEGER NOT NULL
) WITHOUT ROWID;
-- What happens by itself when its time (unix seconds) comes; of one second in the order of seq.
CREATE TABLE IF NOT EXISTS timers (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  object_id TEXT NOT NULL,
  due_at INTEGER NOT NULL,
  UNIQUE (kind, object_id)
);
CREATE INDEX IF NOT EXISTS timers_in_order ON timers (due_at, seq);
-- One row: how far the sandbox's time is ahead of the machine's.
CREATE TABLE IF NOT EXISTS clock (id INTEGER PRIMARY KEY CHECK (id = 1), offset_ms INTEGER NOT NULL);
-- Who is called at each instant of a move of the clock.
CREATE TABLE IF NOT EXISTS followers (seq INTEGER PRIMARY KEY, url TEXT NOT NULL UNIQUE);
`
