/** The part of JSON Schema that the routes' schemas are turned into. */
export type Schema = {
  $ref?: string
  type?: string | string[]
  format?: string
  description?: string
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  anyOf?: Schema[]
  oneOf?: Schema[]
  allOf?: Schema[]
  enum?: unknown[]
  const?: unknown
  example?: unknown
  minimum?: number
}
export type Components = { schemas: Record<string, Schema> }

/**
 * An example of what a schema takes: by the schema where it says one, else by the field's name, which means the same
 * everywhere.
 * @param options.given instead, for fields of these names
 * @param options.isRequest with what must be there alone: of what may be left out, not all goes together
 */
export function exampleOf(
  schema: Schema,
  components: Components,
  name: string,
  options: { given?: Record<string, unknown>; isRequest?: boolean } = {},
): unknown {
  const { given = {}, isRequest = false } = options
  const part = (inner: Schema, innerName = name) => exampleOf(inner, components, innerName, options)
  if (name in given) return given[name]
  if (schema.$ref !== undefined) {
    const target = components.schemas[schema.$ref.split('/').at(-1) ?? '']
    return target === undefined ? {} : part(target)
  }
  if (schema.example !== undefined) return schema.example
  if (schema.const !== undefined) return schema.const
  if (schema.enum !== undefined) return schema.enum[0]
  const choice = (schema.anyOf ?? schema.oneOf)?.find(({ type }) => type !== 'null')
  if (choice !== undefined) return part(choice)
  if (schema.allOf !== undefined) return Object.assign({}, ...schema.allOf.map((each) => part(each)))
  switch (Array.isArray(schema.type) ? schema.type[0] : schema.type) {
    case 'object':
      return Object.fromEntries(
        Object.entries(schema.properties ?? {})
          .filter(([field]) => !isRequest || schema.required?.includes(field))
          .map(([field, inner]) => [field, part(inner, field)]),
      )
    case 'array':
      return name in byName ? byName[name] : schema.items === undefined ? [] : [part(schema.items, name)]
    case 'boolean':
      return /^(success|has_|is_active|is_confirmed|is_ready|ok$)/.test(name)
    case 'integer':
    case 'number':
      return typeof byName[name] === 'number' ? byName[name] : Math.max(schema.minimum ?? 0, 1)
    case 'string':
      if (typeof byName[name] === 'string') return byName[name]
      return byFormat[schema.format ?? ''] ?? name.replaceAll('_', ' ')
    default:
      return {}
  }
}

const byFormat: Record<string, string> = {
  'date-time': '2026-03-15T12:00:00.000Z',
  date: '2026-03-15',
}

const tenantId = 'Jeturing_0b7e7dee-8f4d-4c27-a1d4-7a1f3c4d9e02'
const byName: Record<string, unknown> = {
  session_id: '7f9c24e8-3b12-4fef-91e0-8a5d1c2b6f43',
  tenant_id: tenantId,
  session_token: 'sls_n5T0xExampleOfASessionTokenThatIsNotOne',
  email: 'customer@example.com',
  name: 'John Doe',
  company_name: 'ACME Corp',
  phone: '+1234567890',
  success_url: 'https://your-app.com/welcome',
  customer_id: 'cus_ABC123',
  subscription_id: 'sub_ABC123',
  payment_method_id: 'pm_1ABC123',
  setup_intent_id: 'seti_1ABC123',
  client_secret: 'seti_1ABC123_secret_example',
  publishable_key: 'pk_test_example',
  plan_id: 'enterprise',
  plan_name: 'Enterprise',
  product_id: 'prod_ABC123',
  price_id: 'price_enterprise_monthly',
  invoice_id: 'in_1ABC123',
  coupon_id: 'LAUNCH50',
  promotion_code_id: 'promo_1ABC123',
  discount_id: 'di_1ABC123',
  discount_code: 'LAUNCH50',
  code: 'LAUNCH50',
  percent_off: 50,
  percent_off_ppm: 500_000,
  amount_cents: 29_900,
  discount_cents: 14_950,
  amount_after_discount_cents: 14_950,
  next_invoice_amount_cents: 24_950,
  outstanding_balance_cents: 0,
  currency: 'usd',
  billing_interval: 'month',
  billing_interval_count: 1,
  interval_count: 1,
  trial_days: 14,
  today_cents: 0,
  plan_cents: 29_900,
  platform_base_cents: 10_000,
  monthly_base_cents: 0,
  total_cents: 39_900,
  rate_cents: 5_000,
  trial_period_days: 14,
  subscription_status: 'trialing',
  trial_ends_at: '2026-03-29T12:00:00.000Z',
  current_period_start: '2026-03-15T12:00:00.000Z',
  current_period_end: '2026-03-29T12:00:00.000Z',
  period_start: '2026-03-01T00:00:00.000Z',
  period_end: '2026-04-01T00:00:00.000Z',
  usage_type: 'case',
  quantity: 3,
  unit_rate_cents: 1000,
  per_units: 1,
  record_id: 'b0c7f0de-5a1f-4f6b-9a43-3d6f7c1f2a10',
  id: 'sub_ABC123',
  next_step: 'create_customer',
  allowed_events: ['create_customer', 'cancel'],
  steps_done: ['started'],
  next_cursor: 'eyJhZnRlciI6Im4ifQ',
  'idempotency-key': '0f8fad5b-d9cb-469f-a165-70867728950e',
  message: 'Onboarding completed! Your account is ready.',
  event_id: 'evt_1ABC123',
  effect_id: 'stepledger:7f9c24e8:create_customer:1',
  job_id: '3c9f0f5e-1b4a-4d57-8b5e-6a1de0c3d7aa',
  position: 42,
  table: 'billing_subscriptions',
  key: 'sub_ABC123',
  from: '0',
  to: '1',
}

/** Of fields that go together: `method path` -> fields. Where a step leaves the session, among them. */
export const exampleOverrides: Record<string, Record<string, unknown>> = {
  'get /api/v1/billing/access/tenant/{tenant_id}': {
    access: 'grace',
    until: '2026-03-29T12:00:00.000Z',
    reason: 'payment_failed',
    subscription_status: 'past_due',
  },
  ...Object.fromEntries(
    (
      [
        ['step/create-customer', 'customer_created', 'setup_payment', ['setup_payment', 'cancel']],
        ['step/setup-payment', 'payment_setup', 'select_plan', ['setup_payment', 'select_plan', 'cancel']],
        ['step/preview-plan', 'payment_setup', 'select_plan', ['setup_payment', 'select_plan', 'cancel']],
        [
          'step/select-plan',
          'plan_selected',
          'create_subscription',
          ['setup_payment', 'select_plan', 'create_subscription', 'cancel'],
        ],
        ['step/create-subscription', 'subscription_created', 'complete', ['complete']],
        ['complete', 'completed', null, []],
        ['cancel', 'cancelled', null, []],
      ] as const
    ).map(([path, status, next_step, allowed_events]) => [
      `post /api/v1/onboarding/${path}`,
      { status, next_step, allowed_events },
    ]),
  ),
}

/** Beside what must be there: what shows a request's point, as the guide has it. */
export const requestExamples: Record<string, Record<string, unknown>> = {
  'post /api/v1/onboarding/start': { phone: '+1234567890' },
  'post /api/v1/onboarding/applicant': { company_name: 'ACME Corp' },
  'post /api/v1/onboarding/step/preview-plan': { discount_code: 'LAUNCH50' },
  'post /api/v1/onboarding/step/select-plan': { discount_code: 'LAUNCH50' },
  'patch /api/v1/billing/customers/tenant/{tenant_id}': {
    email: 'billing@example.com',
    address: { line1: '1 Main Street', city: 'Springfield', postal_code: '12345', country: 'US' },
  },
  'post /api/v1/billing/subscriptions': { trial_period_days: 14, discount_code: 'LAUNCH50' },
  'post /api/v1/billing/discounts': {
    code: 'SUMMER2024',
    percent_off: 25,
    duration: 'repeating',
    duration_in_months: 3,
    max_redemptions: 100,
  },
  'post /api/v1/billing/usage': { usage_type: 'case', quantity: 1, metadata: { case_id: 'IR-2024-001' } },
  'post /api/v1/admin/sandbox/clock': { advance_seconds: 86_400 },
}
