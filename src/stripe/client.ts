import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import Stripe from 'stripe'

/**
 * The SDK, at its pinned API version.
 * @param apiBase another address for Stripe's API: the sandbox's, or a proxy's
 * @param abandon when aborted, every request under way ends as one whose answer never came, and no other is sent
 */
export function stripeClient(
  secretKey: string,
  apiBase: string | undefined,
  abandon: AbortSignal = new AbortController().signal,
): Stripe {
  const base = apiBase === undefined ? undefined : new URL(apiBase)
  const protocol = base?.protocol === 'http:' ? 'http' : 'https'
  return new Stripe(secretKey, {
    timeout: 10_000,
    // Connection errors, 409 and 5xx, under the caller's own idempotency key.
    maxNetworkRetries: 1,
    telemetry: false,
    appInfo: { name: 'stepledger' },
    httpClient: endingWith(abandon, protocol),
    ...(base === undefined
      ? {}
      : { protocol, host: base.hostname, port: base.port || (protocol === 'https' ? '443' : '80') }),
  })
}

/** The SDK's own client for Node. Its requests take no signal, but the agent that has their connections can be ended. */
function endingWith(signal: AbortSignal, protocol: 'http' | 'https') {
  const agent = new (protocol === 'http' ? HttpAgent : HttpsAgent)({ keepAlive: true })
  signal.addEventListener('abort', () => agent.destroy(), { once: true })
  const client = Stripe.createNodeHttpClient(agent)
  const send = client.makeRequest.bind(client)
  client.makeRequest = (...request) =>
    signal.aborted ? Promise.reject(new Error('the service is stopping')) : send(...request)
  return client
}
