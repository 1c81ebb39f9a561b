-- Stepledger's tables for PostgreSQL: the same names and columns as add_billing_tables.sql, which explains them.

CREATE TABLE IF NOT EXISTS billing_events (
  position BIGINT NOT NULL PRIMARY KEY CONSTRAINT stored_form_5 CHECK (position > 0),
  stream TEXT NOT NULL,
  version BIGINT NOT NULL CHECK (version > 0),
  fact_id TEXT NOT NULL UNIQUE,
  type TEXT NOT NULL,
  tenant_id TEXT,
  data TEXT NOT NULL,
  subject TEXT,
  sealed TEXT,
  metadata TEXT NOT NULL,
  occurred_at TEXT NOT NULL,
  recorded_at TEXT NOT NULL,
  previous_hash TEXT NOT NULL,
  hash TEXT NOT NULL,
  UNIQUE (stream, version)
);
CREATE INDEX IF NOT EXISTS billing_events_by_tenant ON billing_events (tenant_id, position);
CREATE INDEX IF NOT EXISTS billing_events_by_type ON billing_events (type, position);

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
  billing_interval_count BIGINT,
  discounts TEXT NOT NULL,
  started_at TEXT,
  trial_ends_at TEXT,
  current_period_start TEXT,
  current_period_end TEXT,
  cancel_at_period_end BIGINT NOT NULL,
  cancel_at TEXT,
  canceled_at TEXT,
  ended_at TEXT,
  is_paused BIGINT NOT NULL,
  is_collection_paused BIGINT NOT NULL,
  collection_method TEXT NOT NULL,
  days_until_due BIGINT,
  default_payment_method_id TEXT,
  latest_invoice_id TEXT,
  made_under TEXT,
  first_base_cents BIGINT,
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
  credited_cents BIGINT NOT NULL,
  balance_cents BIGINT NOT NULL,
  refunded_cents BIGINT NOT NULL, -- of what was paid, with a credit note or without
  disputed_cents BIGINT NOT NULL, -- of what was paid: the bank has it, or keeps it
  dispute_status TEXT, -- of the newest dispute, in Stripe's words
  dispute_lifted_at TEXT, -- when an operator decided that it suspends nobody
  returns_as_of BIGINT, -- as as_of, of the four above
  attempt_count BIGINT NOT NULL,
  payment_failed_at TEXT,
  next_attempt_at TEXT,
  period_start TEXT,
  period_end TEXT,
  boundary_at TEXT,
  due_at TEXT,
  paid_at TEXT,
  hosted_invoice_url TEXT,
  made_under TEXT,
  made_at TEXT,
  as_of BIGINT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  last_position BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS billing_invoices_by_tenant ON billing_invoices (tenant_id, created_at, invoice_id);
CREATE INDEX IF NOT EXISTS billing_invoices_lost ON billing_invoices (tenant_id) WHERE dispute_status = 'lost';
CREATE INDEX IF NOT EXISTS billing_invoices_failing ON billing_invoices (payment_failed_at)
  WHERE made_under IS NOT NULL AND status = 'open' AND payment_failed_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS billing_invoice_items (
  item_id TEXT NOT NULL PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  customer_id TEXT NOT NULL,
  subscription_id TEXT,
  invoice_id TEXT,
  amount_cents BIGINT NOT NULL,
  currency TEXT NOT NULL,
  made_under TEXT,
  is_proration BIGINT NOT NULL,
  product_id TEXT,
  is_discountable BIGINT NOT NULL,
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
  position BIGINT NOT NULL,
  last_position BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS billing_usage_records_by_time ON billing_usage_records (tenant_id, usage_type, occurred_at, position);
CREATE INDEX IF NOT EXISTS billing_usage_records_sets ON billing_usage_records (tenant_id, usage_type, occurred_at, position, quantity)
  WHERE action = 'set' AND voided_at IS NULL;
CREATE INDEX IF NOT EXISTS billing_usage_records_late ON billing_usage_records (tenant_id, usage_type, occurred_at) WHERE is_late = 1;

CREATE TABLE IF NOT EXISTS billing_usage_sums (
  sum_id TEXT NOT NULL PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  usage_type TEXT NOT NULL,
  scale TEXT NOT NULL CHECK (scale IN ('minute', 'hour')),
  starts_at TEXT NOT NULL,
  quantity TEXT NOT NULL,
  last_position BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS billing_usage_sums_by_time ON billing_usage_sums (tenant_id, usage_type, scale, starts_at);

CREATE TABLE IF NOT EXISTS billing_windows (
  window_id TEXT NOT NULL PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  subscription_id TEXT NOT NULL,
  starts_at TEXT NOT NULL,
  ends_at TEXT NOT NULL,
  anchor_at TEXT NOT NULL,
  is_trial BIGINT NOT NULL,
  is_converted BIGINT NOT NULL,
  has_base BIGINT NOT NULL,
  counts_from TEXT NOT NULL,
  currency TEXT NOT NULL,
  closed_at TEXT,
  draft_id TEXT,
  draft_again_at TEXT,
  missed_at TEXT,
  billed_at TEXT,
  late_at TEXT,
  is_final BIGINT NOT NULL,
  last_position BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS billing_windows_by_tenant ON billing_windows (tenant_id, starts_at);
CREATE INDEX IF NOT EXISTS billing_windows_open ON billing_windows (tenant_id) WHERE closed_at IS NULL;
CREATE INDEX IF NOT EXISTS billing_windows_missed ON billing_windows (tenant_id) WHERE missed_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS billing_window_dues (
  due_id TEXT NOT NULL PRIMARY KEY,
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

CREATE TABLE IF NOT EXISTS billing_usage_lines (
  line_id TEXT NOT NULL PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  subscription_id TEXT NOT NULL,
  window_id TEXT NOT NULL,
  usage_type TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('item', 'first', 'credit_note', 'forgiven')),
  invoice_id TEXT,
  invoice_key TEXT,
  quantity TEXT NOT NULL,
  amount_cents BIGINT NOT NULL,
  item_cents BIGINT NOT NULL,
  charged_cents BIGINT NOT NULL,
  refusal TEXT,
  upto_position BIGINT NOT NULL,
  made_at TEXT NOT NULL,
  position BIGINT NOT NULL,
  last_position BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS billing_usage_lines_by_window ON billing_usage_lines (window_id, usage_type, position);
CREATE INDEX IF NOT EXISTS billing_usage_lines_by_tenant ON billing_usage_lines (tenant_id, position);
CREATE INDEX IF NOT EXISTS billing_usage_lines_by_invoice ON billing_usage_lines (invoice_id);
CREATE INDEX IF NOT EXISTS billing_usage_lines_by_key ON billing_usage_lines (invoice_key);
CREATE INDEX IF NOT EXISTS billing_usage_lines_refused ON billing_usage_lines (refusal) WHERE refusal IS NOT NULL;

CREATE TABLE IF NOT EXISTS billing_pauses (
  pause_id TEXT NOT NULL PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  subscription_id TEXT NOT NULL,
  paused_at TEXT NOT NULL,
  resumed_at TEXT,
  billed_at TEXT,
  last_position BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS billing_pauses_by_tenant ON billing_pauses (tenant_id, paused_at);

CREATE TABLE IF NOT EXISTS billing_access (
  tenant_id TEXT NOT NULL PRIMARY KEY,
  access TEXT NOT NULL CHECK (access IN ('full', 'grace', 'suspended', 'none')),
  until TEXT,
  reason TEXT NOT NULL,
  failing_since TEXT,
  since TEXT NOT NULL,
  last_position BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS billing_access_by_access ON billing_access (access);

CREATE TABLE IF NOT EXISTS billing_usage_decisions (
  decision_id TEXT NOT NULL PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  usage_type TEXT NOT NULL,
  decision TEXT NOT NULL CHECK (decision IN ('claimed', 'forgiven', 'released')),
  starts_at TEXT NOT NULL,
  ends_at TEXT NOT NULL,
  window_id TEXT,
  after_position BIGINT NOT NULL,
  position BIGINT NOT NULL,
  last_position BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS billing_usage_decisions_by_tenant ON billing_usage_decisions (tenant_id, usage_type, starts_at);

CREATE OR REPLACE VIEW usage_billing AS
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

CREATE TABLE IF NOT EXISTS billing_discounts (
  discount_id TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('coupon', 'promotion_code')),
  tenant_id TEXT,
  code TEXT NOT NULL,
  coupon_id TEXT NOT NULL,
  name TEXT,
  percent_off_ppm BIGINT,
  amount_off_cents BIGINT,
  currency TEXT,
  duration TEXT,
  duration_in_months BIGINT,
  max_redemptions BIGINT,
  times_redeemed BIGINT NOT NULL,
  expires_at TEXT,
  is_active BIGINT NOT NULL,
  first_time_transaction BIGINT NOT NULL,
  made_under TEXT,
  is_deleted BIGINT NOT NULL,
  as_of BIGINT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  last_position BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS billing_discounts_by_code ON billing_discounts (code);

CREATE TABLE IF NOT EXISTS billing_products (
  product_id TEXT NOT NULL PRIMARY KEY,
  tenant_id TEXT,
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
  tenant_id TEXT,
  product_id TEXT NOT NULL,
  amount_cents BIGINT,
  currency TEXT NOT NULL,
  billing_interval TEXT,
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
  tenant_id TEXT,
  currency TEXT NOT NULL,
  rates TEXT NOT NULL,
  effective_at TEXT NOT NULL,
  recorded_at TEXT NOT NULL,
  release TEXT NOT NULL,
  last_position BIGINT NOT NULL
);

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

CREATE TABLE IF NOT EXISTS erased_tenants (
  tenant_id TEXT NOT NULL PRIMARY KEY,
  erased_at TEXT NOT NULL,
  last_position BIGINT NOT NULL
);

CREATE TABLE IF NOT EXISTS subject_keys (
  subject TEXT NOT NULL PRIMARY KEY,
  tenant_id TEXT,
  wrapped TEXT NOT NULL,
  wrapped_by TEXT NOT NULL,
  created_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS subject_keys_by_tenant ON subject_keys (tenant_id);

CREATE TABLE IF NOT EXISTS effects (
  effect_id TEXT NOT NULL PRIMARY KEY,
  tenant_id TEXT,
  stream TEXT NOT NULL,
  kind TEXT NOT NULL,
  params TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending', 'done', 'failed')),
  attempts BIGINT NOT NULL,
  due_at TEXT NOT NULL,
  claimed_until TEXT,
  claimed_by TEXT,
  last_error TEXT,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS effects_due ON effects (status, due_at);
CREATE INDEX IF NOT EXISTS effects_by_stream ON effects (stream, status);

CREATE TABLE IF NOT EXISTS api_keys (
  key_id TEXT NOT NULL PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE,
  scope TEXT NOT NULL CHECK (scope IN ('admin', 'platform', 'tenant', 'session')),
  tenant_id TEXT,
  session_id TEXT,
  created_at TEXT NOT NULL,
  expires_at TEXT,
  revoked_at TEXT
);

CREATE TABLE IF NOT EXISTS idempotency_keys (
  key_id TEXT NOT NULL,
  key_hash TEXT NOT NULL,
  tenant_id TEXT,
  request_hash TEXT NOT NULL,
  status BIGINT,
  reply TEXT,
  created_at TEXT NOT NULL,
  PRIMARY KEY (key_id, key_hash)
);

CREATE OR REPLACE FUNCTION billing_events_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'billing_events is append-only: % refused', TG_OP;
END $$;
CREATE OR REPLACE TRIGGER billing_events_no_change BEFORE UPDATE OR DELETE ON billing_events
FOR EACH ROW EXECUTE FUNCTION billing_events_append_only();
CREATE OR REPLACE TRIGGER billing_events_no_truncate BEFORE TRUNCATE ON billing_events
FOR EACH STATEMENT EXECUTE FUNCTION billing_events_append_only();

-- ANALYZE copies samples of a column into pg_statistic, where no erasure and no VACUUM of these tables reaches them:
-- of what is personal, and of the keys that seal it, it takes none.
ALTER TABLE billing_customers ALTER COLUMN email SET STATISTICS 0, ALTER COLUMN name SET STATISTICS 0,
  ALTER COLUMN phone SET STATISTICS 0;
ALTER TABLE people ALTER COLUMN email SET STATISTICS 0, ALTER COLUMN name SET STATISTICS 0,
  ALTER COLUMN company_name SET STATISTICS 0, ALTER COLUMN phone SET STATISTICS 0;
ALTER TABLE billing_invoices ALTER COLUMN hosted_invoice_url SET STATISTICS 0;
ALTER TABLE billing_payment_methods ALTER COLUMN last4 SET STATISTICS 0;
ALTER TABLE billing_usage_records ALTER COLUMN idempotency_key SET STATISTICS 0, ALTER COLUMN metadata SET STATISTICS 0;
ALTER TABLE subject_keys ALTER COLUMN wrapped SET STATISTICS 0;
ALTER TABLE idempotency_keys ALTER COLUMN reply SET STATISTICS 0;
