import { declined } from '../words.js'

/** @typedef {import('./sandbox-cards.js').CardDesk} CardDesk */
/** @typedef {import('./sandbox-cards.js').CardOutcome} CardOutcome */

/** Stripe.js of the API version that the service speaks. Stripe wants it to be loaded from there and nowhere else. */
const scriptUrl = 'https://js.stripe.com/endive/stripe.js'

/**
 * Stripe's Payment Element. Card numbers stay between the visitor's browser and Stripe.
 * @param {{ publishableKey: string, returnUrl: string }} options
 * @returns {Promise<CardDesk>}
 */
export async function stripeCards({ publishableKey, returnUrl }) {
  const stripe = (await stripeJs())(publishableKey)
  return {
    async isConfirmed(clientSecret) {
      const { setupIntent } = await stripe.retrieveSetupIntent(clientSecret)
      return setupIntent?.status === 'succeeded'
    },

    async show(place, _form, clientSecret) {
      const isDark = matchMedia('(prefers-color-scheme: dark)').matches
      const elements = stripe.elements({ clientSecret, appearance: { theme: isDark ? 'night' : 'stripe' } })
      const element = elements.create('payment')
      const {
        promise: ready,
        resolve,
        reject,
      } = /** @type {PromiseWithResolvers<void>} */ (Promise.withResolvers())
      element.on('ready', () => resolve())
      element.on('loaderror', (/** @type {any} */ { error }) => reject(new Error(error?.message)))
      place.replaceChildren()
      element.mount(place)
      await ready
      return {
        async confirm() {
          const { error, setupIntent } = await stripe.confirmSetup({
            elements,
            confirmParams: { return_url: returnUrl },
            redirect: 'if_required',
          })
          return outcomeOf(error, setupIntent)
        },
      }
    },

    async authenticate(clientSecret, paymentMethodId) {
      const { paymentIntent } = await stripe.retrievePaymentIntent(clientSecret)
      if (paymentIntent?.status === 'requires_payment_method' && paymentMethodId !== null) {
        const { error, paymentIntent: after } = await stripe.confirmPayment({
          clientSecret,
          confirmParams: { payment_method: paymentMethodId, return_url: returnUrl },
          redirect: 'if_required',
        })
        return outcomeOf(error, after)
      }
      if (paymentIntent?.status !== 'requires_action') return outcomeOf(undefined, paymentIntent)
      const { error, paymentIntent: after } = await stripe.handleNextAction({ clientSecret })
      return outcomeOf(error, after)
    },
  }
}

/**
 * @param {{ type: string, code?: string, decline_code?: string, message?: string } | undefined} error
 * @param {{ status: string } | undefined} intent
 * @returns {CardOutcome}
 */
function outcomeOf(error, intent) {
  // The element shows by itself what is wrong with its fields.
  if (error?.type === 'validation_error') return { outcome: 'refused', message: null }
  if (error) return { outcome: 'refused', message: error.message ?? declined({ code: error.code ?? '' }) }
  return intent?.status === 'succeeded' || intent?.status === 'processing'
    ? { outcome: 'confirmed' }
    : { outcome: 'refused', message: 'Your bank has not confirmed the card yet. Please try again.' }
}

/** @returns {Promise<any>} Stripe's own types are in a package that this page does not need */
function stripeJs() {
  const page = /** @type {any} */ (globalThis)
  if (page.Stripe) return Promise.resolve(page.Stripe)
  return new Promise((resolve, reject) => {
    const script = document.createElement('script')
    script.src = scriptUrl
    script.addEventListener('load', () => resolve(page.Stripe))
    script.addEventListener('error', () => {
      script.remove()
      reject(new Error('Stripe.js did not load'))
    })
    document.head.append(script)
  })
}
