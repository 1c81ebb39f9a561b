import type { Applicant } from '../../../machines/onboarding-facts.ts'
import { inOurTerms } from '../../stripe/failure.ts'

/** A customer's details as they are from now on, for an update. */
export const customerChange = ({ email, name, company_name, phone }: Applicant) => ({
  email,
  name,
  phone: phone ?? '',
  metadata: { company_name },
})

/** Stripe's parameters of a customer that are fields of our requests. */
const customerFields = { email: 'email', name: 'name', phone: 'phone', address: 'address' }

/** What Stripe refuses about a person, without what it quotes. */
export const customerRefusal = (error: unknown) =>
  inOurTerms(error, customerFields, 'is not accepted by Stripe')
