import Stripe from 'stripe'

/** The SDK waits half a second before it sends a request again that has failed. What it sends, and how often, stays as it is. */
Stripe.prototype.getInitialNetworkRetryDelay = () => 0.01
