import { keyInMetadata } from '../../stripe/call.ts'

/** A SetupIntent, by which the browser confirms a card for payments to come. */
export const setupIntentParams = (
  wanted: { customerId: string | null; tenantId: string; sessionId?: string },
  key: string,
) => ({
  customer: wanted.customerId,
  usage: 'off_session',
  automatic_payment_methods: { enabled: true },
  metadata: {
    tenant_id: wanted.tenantId,
    ...(wanted.sessionId === undefined ? {} : { session_id: wanted.sessionId }),
    [keyInMetadata]: key,
  },
})
