import { type Config, isLoopbackUrl } from '../config.ts'

/** What the page has to know of the service before there is a session. Nothing secret. */
export type WizardSettings = {
  /** Whose card form: Stripe's Payment Element, the sandbox's own, or none, because no card can be taken. */
  cards: 'stripe' | 'sandbox' | 'none'
  publishable_key: string | null
  /** Whether the page may start a session by itself, to be tried out. */
  can_begin: boolean
  trial_days: number
  /** Origins that Stripe may send a customer back to, and this page's address. */
  return_origins: string[]
  page_url: string
}

export function wizardSettings(config: Config): WizardSettings {
  const { stripe } = config
  return {
    cards: cardsOf(config),
    publishable_key: stripe.publishableKey ?? null,
    can_begin: stripe.enabled && stripe.mode === 'sandbox',
    trial_days: config.trialPeriodDays,
    return_origins: config.returnUrlOrigins,
    page_url: `${config.publicUrl.replace(/\/+$/, '')}/onboarding`,
  }
}

/** Card numbers go to Stripe alone: our own form is for a stand-in on this machine, which takes test cards only. */
function cardsOf({ stripe }: Config): WizardSettings['cards'] {
  if (!stripe.enabled) return 'none'
  if (stripe.mode === 'sandbox') return 'sandbox'
  if (stripe.publishableKey !== undefined) return 'stripe'
  return stripe.mode === 'custom' && isLoopbackUrl(stripe.apiBase ?? '') ? 'sandbox' : 'none'
}
