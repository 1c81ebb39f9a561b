import type { Applicant } from '../../machines/onboarding-facts.ts'
import type { Row, Trx } from '../db/tables.ts'
import type { Fact } from '../log/facts.ts'
import type { Sighting } from '../log/sighting.ts'
import { personalOf } from '../log/subject.ts'
import { isStub } from './deletable.ts'
import { onStripeObject, type Projection } from './projection.ts'
import { memberOf, textOf } from './read-value.ts'
import { sameRow, saveRow } from './save-row.ts'

const personalColumns = ['email', 'name', 'company_name', 'phone']

/** Who each tenant is, as last said: what an operator finds it by. Comes after `customers`, which settles what is newest. */
export const people: Projection = {
  table: 'people',
  primaryKey: 'tenant_id',
  personalColumns,
  isPersonal: true,
  on: {
    'onboarding.started': applied,
    // With a key, the customer at Stripe is changed too, and says what holds; should Stripe refuse, nothing has changed.
    'onboarding.applicant_corrected': async (trx, fact) => {
      if (fact.data.idempotency_key === null) await applied(trx, fact)
    },
    ...onStripeObject(['customer'], show),
    'tenant.erased': async (trx, { tenant_id }) => {
      await trx.deleteFrom('people').where('tenant_id', '=', tenant_id).execute()
    },
  },
}

type Application = Fact<'onboarding.started'> | Fact<'onboarding.applicant_corrected'>

async function applied(trx: Trx, fact: Application): Promise<void> {
  const { tenant_id, position } = fact
  const personal = await personalOf<Applicant>(trx, fact)
  if (tenant_id === null || personal === null) return
  const { email, name, company_name, phone } = personal
  await save(trx, {
    tenant_id,
    email: textOf(email),
    name: textOf(name),
    company_name: textOf(company_name),
    phone: textOf(phone),
    last_position: position,
  })
}

async function show(trx: Trx, sighting: Sighting<'customer'>): Promise<void> {
  const { object, whole, position, asOf } = sighting
  const customer = await trx
    .selectFrom('billing_customers')
    .selectAll()
    .where('customer_id', '=', textOf(object.id) ?? '')
    .executeTakeFirst()
  // An older sighting than the row's, or somebody else's customer; the stub of a deleted one says nothing.
  if (customer?.last_position !== position || customer.as_of !== asOf || isStub(sighting)) return
  const wholeCustomer = await whole()
  if (wholeCustomer === null) return
  const { tenant_id, email, name, phone } = customer
  const before = await personOf(trx, tenant_id)
  const company = textOf(memberOf(wholeCustomer.metadata, 'company_name')) ?? before?.company_name ?? null
  await save(trx, { tenant_id, email, name, company_name: company, phone, last_position: position })
}

const personOf = (trx: Trx, tenantId: string) =>
  trx.selectFrom('people').selectAll().where('tenant_id', '=', tenantId).executeTakeFirst()

async function save(trx: Trx, person: Row<'people'>): Promise<void> {
  if (!sameRow(person, await personOf(trx, person.tenant_id)))
    await saveRow(trx, 'people', 'tenant_id', person)
}
