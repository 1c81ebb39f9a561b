import { z } from 'zod'
import { CustomerChange, changeCustomer } from '../../billing/change-customer.ts'
import { CustomerInput, createCustomer } from '../../billing/create-customer.ts'
import type { AppContext } from '../../context.ts'
import { tenantId } from '../../db/fields.ts'
import { Customer, customerOf } from '../../views/customer.ts'
import { route } from '../route.ts'

/** A tenant's one customer at Stripe. */
export const customerRoutes = (context: AppContext) => [
  route(
    {
      method: 'post',
      path: '/billing/customers',
      tag: 'Customers',
      summary: "Make the tenant's customer; again: the same one",
      description: 'A tenant becomes known by this, and its id may be any text of the pattern.',
      allow: ['platform'],
      body: CustomerInput,
      reply: Customer,
    },
    ({ by, body, clientKey }) => createCustomer(context, by, body, clientKey),
  ),
  route(
    {
      method: 'get',
      path: '/billing/customers/tenant/{tenant_id}',
      tag: 'Customers',
      summary: "The tenant's customer",
      allow: ['platform', 'tenant'],
      params: z.object({ tenant_id: tenantId }),
      reply: Customer,
    },
    ({ params }) => customerOf(context.db.reader, params.tenant_id),
  ),
  route(
    {
      method: 'patch',
      path: '/billing/customers/tenant/{tenant_id}',
      tag: 'Customers',
      summary: 'Change the e-mail address, name, phone or postal address of the tenant’s customer',
      description: 'What is left out stays as it is; the postal address is replaced as a whole.',
      allow: ['platform'],
      params: z.object({ tenant_id: tenantId }),
      body: CustomerChange,
      reply: Customer,
    },
    ({ by, params, body }) => changeCustomer(context, by, params.tenant_id, body),
  ),
]
