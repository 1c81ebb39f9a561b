-- Stepledger's tables for SQLite. `sqlite3 forensics.db < migrations/add_billing_tables.sql` makes a database that
-- the service starts on; the service runs the same file itself. Running it twice changes nothing.
-- Types are BIGINT and TEXT alone, so that rows are the same bytes in every database: times are ISO 8601 UTC with
-- milliseconds, booleans 0 or 1, JSON text. The PostgreSQL twin is add_billing_tables.postgres.sql.

-- The log: the one source of truth. Append-only (the triggers below refuse UPDATE and DELETE).
-- position: global order, without gaps; version: order within a stream, from 1, without gaps;
-- hash: SHA-256 over the fact's canonical JSON with previous_hash, the hash of the stream's fact before it.
-- stored_form_N: the number of the form that the log is stored in (src/db/stored-form.ts). Another one is refused.
CREATE TABLE IF NOT EXISTS billing_events (
  position BIGINT NOT NULL PRIMARY KEY CONSTRAINT stored_form_5 CHECK (position > 0),
  stream TEXT NOT NULL,
  version BIGINT NOT NULL CHECK (version > 0),
  fact_id TEXT NOT NULL UNIQUE,
  type TEXT NOT NULL,
  tenant_id TEXT,
  data TEXT NOT NULL,
  subject TEXT, -- whose personal data is sealed here
  sealed TEXT, -- the fact's personal data, by the subject's key; null: there is none
  metadata TEXT NOT NULL,
  occurred_at TEXT NOT NULL,
  recorded_at TEXT NOT NULL,
  previous_hash TEXT NOT NULL,
  hash TEXT NOT NULL,
  UNIQUE (stream, version)
);
CREATE INDEX IF NOT EXISTS billing_events_by_tenant ON billing_events (tenant_id, position);
CREATE INDEX IF NOT EXISTS billing_events_by_type ON billing_events (type, position);

-- Everything from here to the next heading is a projection: a fold of the log, rebuilt by `stepledger replay`.
-- as_of: Stripe's time (unix seconds) of what the row shows; older never overwrites newer.
-- last_position: the last fact that changed the row.
CREATE TABLE IF NOT EXISTS onboarding_sessions (
  session_id TEXT NOT NULL PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  status TEXT NOT NULL,
  place TEXT NOT NULL,
  snapshot TEXT NOT NULL,
  version BIGINT NOT NULL,
  machine_version TEXT NOT NULL,
  customer_id TEXT,
  setup_intent_id TEXT,
  subscription_id TEXT,
  reserved_coupon_id TEXT,
  reserved_promotion_code_id TEXT,
  expires_at TEXT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  last_position BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS onboarding_sessions_by_tenant ON onboarding_sessions (tenant_id);
CREATE INDEX IF NOT EXISTS onboarding_sessions_by_customer ON onboarding_sessions (customer_id);
CREATE INDEX IF NOT EXISTS onboarding_sessions_by_coupon ON onboarding_sessions (reserved_coupon_id);
CREATE INDEX IF NOT EXISTS onboarding_sessions_by_place ON onboarding_sessions (place, machine_version);

CREATE TABLE IF NOT EXISTS billing_customers (
  customer_id TEXT NOT NULL PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  email TEXT,
  name TEXT,
  phone TEXT,
  default_payment_method_id TEXT,
  balance_cents BIGINT NOT NULL,
  is_delinquent BIGINT NOT NULL,
  is_deleted BIGINT NOT NULL,
  as_of BIGINT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  last_position BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS billing_customers_by_tenant ON billing_customers (tenant_id);

-- Who each tenant is, as last said by the applicant or by Stripe's customer: operators find tenants by it.
CREATE TABLE IF NOT EXISTS people (
  tenant_id TEXT NOT NULL PRIMARY KEY,
  email TEXT,
  name TEXT,
  company_name TEXT,
  phone TEXT,
  last_position BIGINT NOT NULL
);

CREATE TABLE IF NOT EXISTS billing_subscriptions (
  subscription_id TEXT NOT NULL PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  customer_id TEXT NOT NULL,
  status TEXT NOT NULL,
  item_id TEXT,
  price_id TEXT,
  product_id TEXT,
  plan_id TEXT,
  quantity BIGINT NOT NULL,
  amount_cents BIGINT,
  currency TEXT,
  billing_interval TEXT,
  billing_interval_count BIGINT, -- a quarterly price: every 3 months
  discounts TEXT NOT NULL, -- JSON: [{discount_id, coupon_id, promotion_code_id, percent_off, amount_off_cents, duration, product_ids, ends_at}]
  started_at TEXT,
  trial_ends_at TEXT,
  current_period_start TEXT,
  current_period_end TEXT,
  cancel_at_period_end BIGINT NOT NULL,
  cancel_at TEXT,
  canceled_at TEXT,
  ended_at TEXT,
  is_paused BIGINT NOT NULL,
  is_collection_paused BIGINT NOT NULL, -- its invoices are not collected (pause_collection), whatever its status
  collection_method TEXT NOT NULL,
  days_until_due BIGINT, -- of invoices that are sent
  default_payment_method_id TEXT,
  latest_invoice_id TEXT,
  made_under TEXT, -- the key of our call that made it
  first_base_cents BIGINT, -- the platform base that our call has put on its first invoice
  as_of BIGINT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  last_position BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS billing_subscriptions_by_tenant ON billing_subscriptions (tenant_id);

CREATE TABLE IF NOT EXISTS billing_invoices (
  invoice_id TEXT NOT NULL PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  customer_id TEXT NOT NULL,
  subscription_id TEXT,
  number TEXT,
  status TEXT NOT NULL,
  billing_reason TEXT,
  currency TEXT NOT NULL,
  total_cents BIGINT NOT NULL,
  amount_due_cents BIGINT NOT NULL,
  amount_paid_cents BIGINT NOT NULL,
  amount_remaining_cents BIGINT NOT NULL,
  credited_cents BIGINT NOT NULL, -- by credit notes, before and after its payment
  balance_cents BIGINT NOT NULL, -- taken from the balance of the customer, below zero put on it
  refunded_cents BIGINT NOT NULL, -- of what was paid, with a credit note or without
  disputed_cents BIGINT NOT NULL, -- of what was paid: the bank has it, or keeps it
  dispute_status TEXT, -- of the newest dispute, in Stripe's words
  dispute_lifted_at TEXT, -- when an operator decided that it suspends nobody
  returns_as_of BIGINT, -- as as_of, of the four above
  attempt_count BIGINT NOT NULL,
  payment_failed_at TEXT,
  next_attempt_at TEXT, -- by Stripe itself
  period_start TEXT,
  period_end TEXT,
  boundary_at TEXT, -- of a renewal: where the period begins that the plan is charged for
  due_at TEXT,
  paid_at TEXT,
  hosted_invoice_url TEXT,
  made_under TEXT, -- the key of our call that made it
  made_at TEXT, -- at Stripe; null: only its end was seen
  as_of BIGINT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  last_position BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS billing_invoices_by_tenant ON billing_invoices (tenant_id, created_at, invoice_id);
CREATE INDEX IF NOT EXISTS billing_invoices_lost ON billing_invoices (tenant_id) WHERE dispute_status = 'lost';
CREATE INDEX IF NOT EXISTS billing_invoices_failing ON billing_invoices (payment_failed_at)
  WHERE made_under IS NOT NULL AND status = 'open' AND payment_failed_at IS NOT NULL;

-- What lies on a customer's next invoice, or on one that is made: Stripe's invoice items.
CREATE TABLE IF NOT EXISTS billing_invoice_items (
  item_id TEXT NOT NULL PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  customer_id TEXT NOT NULL,
  subscription_id TEXT,
  invoice_id TEXT, -- null: it is pending
  amount_cents BIGINT NOT NULL,
  currency TEXT NOT NULL,
  made_under TEXT, -- the key of our call that made it
  is_proration BIGINT NOT NULL,
  product_id TEXT,
  is_discountable BIGINT NOT NULL, -- discounts lower it
  is_deleted BIGINT NOT NULL,
  as_of BIGINT NOT NULL,
  last_position BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS billing_invoice_items_by_tenant ON billing_invoice_items (tenant_id, invoice_id);

CREATE TABLE IF NOT EXISTS billing_usage_records (
  record_id TEXT NOT NULL PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  usage_type TEXT NOT NULL,
  action TEXT NOT NULL CHECK (action IN ('increment', 'set')),
  quantity BIGINT NOT NULL CHECK (quantity >= 0),
  occurred_at TEXT NOT NULL,
  recorded_at TEXT NOT NULL,
  idempotency_key TEXT,
  metadata TEXT,
  is_late BIGINT NOT NULL,
  voided_at TEXT,
  position BIGINT NOT NULL, -- of the fact that recorded it: the order among records of one instant
  last_position BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS billing_usage_records_by_time ON billing_usage_records (tenant_id, usage_type, occurred_at, position);
CREATE INDEX IF NOT EXISTS billing_usage_records_sets ON billing_usage_records (tenant_id, usage_type, occurred_at, position, quantity)
  WHERE action = 'set' AND voided_at IS NULL;
CREATE INDEX IF NOT EXISTS billing_usage_records_late ON billing_usage_records (tenant_id, usage_type, occurred_at) WHERE is_late = 1;

-- What was incremented, added up by the minute and by the hour in which it occurred, less what is voided.
CREATE TABLE IF NOT EXISTS billing_usage_sums (
  sum_id TEXT NOT NULL PRIMARY KEY, -- <tenant>:<type>:<scale>:<start>
  tenant_id TEXT NOT NULL,
  usage_type TEXT NOT NULL,
  scale TEXT NOT NULL CHECK (scale IN ('minute', 'hour')),
  starts_at TEXT NOT NULL,
  quantity TEXT NOT NULL, -- a whole number; as text, because it may pass 2^53
  last_position BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS billing_usage_sums_by_time ON billing_usage_sums (tenant_id, usage_type, scale, starts_at);

-- Service months of subscriptions, by which is counted what is owed: [starts_at, ends_at).
CREATE TABLE IF NOT EXISTS billing_windows (
  window_id TEXT NOT NULL PRIMARY KEY, -- <subscription_id>:<starts_at>
  tenant_id TEXT NOT NULL,
  subscription_id TEXT NOT NULL,
  starts_at TEXT NOT NULL,
  ends_at TEXT NOT NULL,
  anchor_at TEXT NOT NULL, -- the start of the subscription's first paid month
  is_trial BIGINT NOT NULL,
  is_converted BIGINT NOT NULL, -- a trial that has led to a paid month
  has_base BIGINT NOT NULL, -- the automatic platform base falls due for it
  counts_from TEXT NOT NULL,
  currency TEXT NOT NULL,
  closed_at TEXT, -- null: open
  draft_id TEXT, -- the invoice of the renewal at its end, where one was seen
  draft_again_at TEXT, -- when lines were made on that once more
  missed_at TEXT, -- when it was seen that the draft had become final without its lines
  billed_at TEXT, -- when the lines for its end were made
  late_at TEXT, -- when lines are made for what came after the subscription's end
  is_final BIGINT NOT NULL, -- counted when no usage could be recorded for it any more
  last_position BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS billing_windows_by_tenant ON billing_windows (tenant_id, starts_at);
CREATE INDEX IF NOT EXISTS billing_windows_open ON billing_windows (tenant_id) WHERE closed_at IS NULL;
CREATE INDEX IF NOT EXISTS billing_windows_missed ON billing_windows (tenant_id) WHERE missed_at IS NOT NULL;

-- What each window owes for each type, as last counted. Decimal text: it may be more than 2^53.
CREATE TABLE IF NOT EXISTS billing_window_dues (
  due_id TEXT NOT NULL PRIMARY KEY, -- <window_id>:<usage_type>
  tenant_id TEXT NOT NULL,
  window_id TEXT NOT NULL,
  usage_type TEXT NOT NULL,
  quantity TEXT NOT NULL,
  due_cents TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('priced', 'held', 'unpriced')),
  last_position BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS billing_window_dues_by_window ON billing_window_dues (tenant_id, window_id);
CREATE INDEX IF NOT EXISTS billing_window_dues_stuck ON billing_window_dues (state, tenant_id) WHERE state <> 'priced';

-- What was asked for: the difference of due and charged of one window and type at one moment.
CREATE TABLE IF NOT EXISTS billing_usage_lines (
  line_id TEXT NOT NULL PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  subscription_id TEXT NOT NULL,
  window_id TEXT NOT NULL,
  usage_type TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('item', 'first', 'credit_note', 'forgiven')),
  invoice_id TEXT, -- null while an invoice of our own is being made, and of what was forgiven
  invoice_key TEXT, -- of an invoice of our own
  quantity TEXT NOT NULL,
  amount_cents BIGINT NOT NULL, -- as it was asked for
  item_cents BIGINT NOT NULL, -- as it lies on the invoice at Stripe
  charged_cents BIGINT NOT NULL, -- 0 once refused, taken off or rebilled
  refusal TEXT,
  upto_position BIGINT NOT NULL, -- how far in the log it had counted
  made_at TEXT NOT NULL,
  position BIGINT NOT NULL,
  last_position BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS billing_usage_lines_by_window ON billing_usage_lines (window_id, usage_type, position);
CREATE INDEX IF NOT EXISTS billing_usage_lines_by_tenant ON billing_usage_lines (tenant_id, position);
CREATE INDEX IF NOT EXISTS billing_usage_lines_by_invoice ON billing_usage_lines (invoice_id);
CREATE INDEX IF NOT EXISTS billing_usage_lines_by_key ON billing_usage_lines (invoice_key);
CREATE INDEX IF NOT EXISTS billing_usage_lines_refused ON billing_usage_lines (refusal) WHERE refusal IS NOT NULL;

-- The time in which a subscription's collection was paused.
CREATE TABLE IF NOT EXISTS billing_pauses (
  pause_id TEXT NOT NULL PRIMARY KEY, -- <subscription_id>:<position>
  tenant_id TEXT NOT NULL,
  subscription_id TEXT NOT NULL,
  paused_at TEXT NOT NULL,
  resumed_at TEXT,
  billed_at TEXT, -- when lines were made for what was used before it
  last_position BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS billing_pauses_by_tenant ON billing_pauses (tenant_id, paused_at);

-- What a tenant may use, as it last changed. A grace period that has ended since counts as over, recorded or not.
CREATE TABLE IF NOT EXISTS billing_access (
  tenant_id TEXT NOT NULL PRIMARY KEY,
  access TEXT NOT NULL CHECK (access IN ('full', 'grace', 'suspended', 'none')),
  until TEXT, -- null: no end is in sight
  reason TEXT NOT NULL,
  failing_since TEXT, -- of what is owed; or when the subscription was first seen past due
  since TEXT NOT NULL, -- it has this access
  last_position BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS billing_access_by_access ON billing_access (access);

-- What an operator has decided: claimed and forgiven is usage of a time outside all windows, released a window's held amount.
CREATE TABLE IF NOT EXISTS billing_usage_decisions (
  decision_id TEXT NOT NULL PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  usage_type TEXT NOT NULL,
  decision TEXT NOT NULL CHECK (decision IN ('claimed', 'forgiven', 'released')),
  starts_at TEXT NOT NULL,
  ends_at TEXT NOT NULL,
  window_id TEXT, -- of what was claimed; null: the next window to begin
  after_position BIGINT NOT NULL, -- it is about what was recorded after this
  position BIGINT NOT NULL, -- and up to this
  last_position BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS billing_usage_decisions_by_tenant ON billing_usage_decisions (tenant_id, usage_type, starts_at);

-- Which window each record is in, on which invoice it is (the first line of its window and type that stands and had counted it), and
-- when that was paid.
CREATE VIEW IF NOT EXISTS usage_billing AS
SELECT b.record_id, b.tenant_id, b.window_id, b.invoice_id, i.paid_at AS billed_at
FROM (
  SELECT r.record_id, r.tenant_id, r.window_id, (
    SELECT l.invoice_id FROM billing_usage_lines l
    WHERE l.window_id = r.window_id AND l.usage_type = r.usage_type AND l.charged_cents <> 0 AND l.upto_position >= r.position
    ORDER BY l.position LIMIT 1
  ) AS invoice_id
  FROM (
    SELECT u.record_id, u.tenant_id, u.usage_type, u.position, COALESCE(
      (SELECT w.window_id FROM billing_windows w
        WHERE w.tenant_id = u.tenant_id AND w.starts_at <= u.occurred_at AND w.ends_at > u.occurred_at LIMIT 1),
      (SELECT w.window_id FROM billing_windows w
        WHERE w.tenant_id = u.tenant_id AND w.counts_from <= u.occurred_at AND w.starts_at > u.occurred_at
          AND u.usage_type IN ('case', 'event_ingestion', 'api_call')
        ORDER BY w.starts_at LIMIT 1),
      (SELECT d.window_id FROM billing_usage_decisions d
        WHERE d.tenant_id = u.tenant_id AND d.usage_type = u.usage_type AND d.decision = 'claimed'
          AND d.starts_at <= u.occurred_at AND d.ends_at > u.occurred_at
          AND d.after_position < u.position AND d.position > u.position
        ORDER BY d.decision_id LIMIT 1)
    ) AS window_id
    FROM billing_usage_records u
    WHERE u.voided_at IS NULL
  ) r
) b
LEFT JOIN billing_invoices i ON i.invoice_id = b.invoice_id AND i.status = 'paid';

CREATE TABLE IF NOT EXISTS billing_payment_methods (
  payment_method_id TEXT NOT NULL PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  customer_id TEXT NOT NULL,
  type TEXT NOT NULL,
  brand TEXT,
  last4 TEXT,
  exp_month BIGINT,
  exp_year BIGINT,
  detached_at TEXT,
  as_of BIGINT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  last_position BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS billing_payment_methods_by_tenant ON billing_payment_methods (tenant_id);

-- Coupons and the promotion codes that stand for them: a code is what a customer types.
CREATE TABLE IF NOT EXISTS billing_discounts (
  discount_id TEXT NOT NULL PRIMARY KEY, -- the coupon's or the promotion code's Stripe id
  kind TEXT NOT NULL CHECK (kind IN ('coupon', 'promotion_code')),
  tenant_id TEXT, -- always null: discounts belong to the platform
  code TEXT NOT NULL,
  coupon_id TEXT NOT NULL,
  name TEXT,
  percent_off_ppm BIGINT, -- parts per million: 33.3333 % is 333333; null on promotion codes, whose coupon has the terms
  amount_off_cents BIGINT,
  currency TEXT,
  duration TEXT,
  duration_in_months BIGINT,
  max_redemptions BIGINT,
  times_redeemed BIGINT NOT NULL,
  expires_at TEXT,
  is_active BIGINT NOT NULL,
  first_time_transaction BIGINT NOT NULL, -- a promotion code for who has never bought
  made_under TEXT, -- the key of our call that made it: two of one id and one second are told apart by it
  is_deleted BIGINT NOT NULL,
  as_of BIGINT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  last_position BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS billing_discounts_by_code ON billing_discounts (code);

CREATE TABLE IF NOT EXISTS billing_products (
  product_id TEXT NOT NULL PRIMARY KEY,
  tenant_id TEXT, -- always null
  plan_id TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT,
  is_active BIGINT NOT NULL,
  is_deleted BIGINT NOT NULL,
  as_of BIGINT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  last_position BIGINT NOT NULL
);

CREATE TABLE IF NOT EXISTS billing_prices (
  price_id TEXT NOT NULL PRIMARY KEY,
  tenant_id TEXT, -- always null
  product_id TEXT NOT NULL,
  amount_cents BIGINT, -- for one of it, each period; null: there is no such amount (tiers, a meter, fractions of a cent)
  currency TEXT NOT NULL,
  billing_interval TEXT, -- day, week, month, year; null: one-time
  interval_count BIGINT,
  is_active BIGINT NOT NULL,
  is_deleted BIGINT NOT NULL,
  as_of BIGINT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  last_position BIGINT NOT NULL
);

CREATE TABLE IF NOT EXISTS billing_rate_cards (
  rate_card_id TEXT NOT NULL PRIMARY KEY,
  tenant_id TEXT, -- always null
  currency TEXT NOT NULL,
  rates TEXT NOT NULL, -- JSON: {usage_type: {rate_cents, per_units}}
  effective_at TEXT NOT NULL,
  recorded_at TEXT NOT NULL, -- it holds from the later of the two
  release TEXT NOT NULL, -- of Stepledger's that set it
  last_position BIGINT NOT NULL
);

-- What became of each of Stripe's events.
CREATE TABLE IF NOT EXISTS stripe_events (
  event_id TEXT NOT NULL PRIMARY KEY,
  tenant_id TEXT,
  type TEXT NOT NULL,
  object_id TEXT NOT NULL,
  customer_id TEXT,
  disposition TEXT NOT NULL CHECK (disposition IN ('applied', 'ignored', 'parked', 'quarantined', 'refetched', 'released')),
  reason TEXT,
  created_at TEXT NOT NULL,
  received_at TEXT NOT NULL,
  last_position BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS stripe_events_parked ON stripe_events (disposition, customer_id);
CREATE INDEX IF NOT EXISTS stripe_events_by_customer ON stripe_events (customer_id, type, created_at);

-- The tenants whose personal data was destroyed.
CREATE TABLE IF NOT EXISTS erased_tenants (
  tenant_id TEXT NOT NULL PRIMARY KEY,
  erased_at TEXT NOT NULL,
  last_position BIGINT NOT NULL
);

-- Not folded from the log, and not to be lost: without these keys, wrapped by the service's own, nothing personal can be
-- read again. Erasing a tenant deletes its rows.
CREATE TABLE IF NOT EXISTS subject_keys (
  subject TEXT NOT NULL PRIMARY KEY, -- tenant:<id>, customer:<cus_…>, event:<evt_…> seller or hashes
  tenant_id TEXT, -- whom it belongs to, as soon as that is known
  wrapped TEXT NOT NULL,
  wrapped_by TEXT NOT NULL, -- the id of the service's key
  created_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS subject_keys_by_tenant ON subject_keys (tenant_id);

-- Working state, not folded from the log.
-- The outbox: a call to the outside that a committed fact asked for. Timers are rows with a due time.
CREATE TABLE IF NOT EXISTS effects (
  effect_id TEXT NOT NULL PRIMARY KEY, -- of a call: the idempotency key too
  tenant_id TEXT,
  stream TEXT NOT NULL,
  kind TEXT NOT NULL,
  params TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending', 'done', 'failed')),
  attempts BIGINT NOT NULL,
  due_at TEXT NOT NULL,
  claimed_until TEXT, -- a lease: who runs it has until then
  claimed_by TEXT, -- whose lease it is: a process's, made anew at each start; of one that does not run its effect it is free
  last_error TEXT,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS effects_due ON effects (status, due_at);
CREATE INDEX IF NOT EXISTS effects_by_stream ON effects (stream, status);

CREATE TABLE IF NOT EXISTS api_keys (
  key_id TEXT NOT NULL PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE, -- SHA-256 of the key, hex; the key itself is nowhere
  scope TEXT NOT NULL CHECK (scope IN ('admin', 'platform', 'tenant', 'session')),
  tenant_id TEXT,
  session_id TEXT,
  created_at TEXT NOT NULL,
  expires_at TEXT,
  revoked_at TEXT
);

CREATE TABLE IF NOT EXISTS idempotency_keys (
  key_id TEXT NOT NULL, -- whose
  key_hash TEXT NOT NULL, -- keyed hashes: what callers write is not kept
  tenant_id TEXT,
  request_hash TEXT NOT NULL, -- of the route and the body
  status BIGINT, -- of the stored reply; null: none stored, the request is carried out again
  reply TEXT, -- JSON: {tenant_ids, sealed}: whom it tells of, and what the same request opens
  created_at TEXT NOT NULL,
  PRIMARY KEY (key_id, key_hash)
);

CREATE TRIGGER IF NOT EXISTS billing_events_no_update BEFORE UPDATE ON billing_events
BEGIN SELECT RAISE(ABORT, 'billing_events is append-only: UPDATE refused'); END;
-- INSERT OR REPLACE deletes without asking the trigger above.
CREATE TRIGGER IF NOT EXISTS billing_events_no_replace BEFORE INSERT ON billing_events
WHEN EXISTS (
  SELECT 1 FROM billing_events
  WHERE position = NEW.position OR fact_id = NEW.fact_id OR (stream = NEW.stream AND version = NEW.version)
)
BEGIN SELECT RAISE(ABORT, 'billing_events is append-only: this fact is there already'); END;
CREATE TRIGGER IF NOT EXISTS billing_events_no_delete BEFORE DELETE ON billing_events
BEGIN SELECT RAISE(ABORT, 'billing_events is append-only: DELETE refused'); END;
