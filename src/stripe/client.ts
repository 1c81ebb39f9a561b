import Stripe from 'stripe'

/**
 * The SDK, at its pinned API version.
 * @param apiBase another address for Stripe's API: the sandbox's, or a proxy's
 */
export function stripeClient(secretKey: string, apiBase: string | undefined): Stripe {
  const base = apiBase === undefined ? undefined : new URL(apiBase)
  return new Stripe(secretKey, {
    timeout: 10_000,
    // Connection errors, 409 and 5xx, under the caller's own idempotency key.
    maxNetworkRetries: 1,
    telemetry: false,
    appInfo: { name: 'stepledger' },
    ...(base === undefined
      ? {}
      : {
          protocol: base.protocol === 'https:' ? 'https' : 'http',
          host: base.hostname,
          port: base.port || (base.protocol === 'https:' ? '443' : '80'),
        }),
  })
}
