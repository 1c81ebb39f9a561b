import { copyOf, find, findButton, showFieldProblems } from '../dom.js'
import { declined } from '../words.js'

/**
 * Takes cards, for a SetupIntent or a payment that is known by its client secret.
 * @typedef {{ outcome: 'confirmed' } | { outcome: 'refused', message: string | null }} CardOutcome
 *   `message` is null where the form itself shows what is wrong
 * @typedef {{ confirm(): Promise<CardOutcome> }} CardForm
 * @typedef {object} CardDesk
 * @property {(secret: string) => Promise<boolean>} isConfirmed
 * @property {(place: HTMLElement, form: HTMLFormElement, secret: string) => Promise<CardForm>} show
 * @property {(secret: string, paymentMethodId: string | null) => Promise<CardOutcome>} authenticate
 *   the first payment, with the bank
 */

/**
 * The sandbox's card form: asks the sandbox what Stripe.js asks Stripe. Card numbers go to the sandbox alone, which
 * takes nothing but test cards.
 * @returns {CardDesk}
 */
export function sandboxCards() {
  return {
    isConfirmed: async (secret) =>
      (await ask('GET', intentPath(secret), { client_secret: secret })).status === 'succeeded',

    async show(place, form, secret) {
      place.replaceChildren(copyOf('sandbox-card'))
      for (const button of place.querySelectorAll('button'))
        button.addEventListener('click', () => fill(form, button.dataset.number ?? ''))
      return {
        async confirm() {
          const { card, problems } = cardOf(form)
          if (card === undefined) {
            showFieldProblems(form, problems)
            return { outcome: 'refused', message: null }
          }
          try {
            const method = await ask('POST', 'v1/payment_methods', { type: 'card', ...card })
            return await settled(
              await ask('POST', `${intentPath(secret)}/confirm`, {
                payment_method: method.id,
                client_secret: secret,
              }),
            )
          } catch (error) {
            return refusal(error)
          }
        },
      }
    },

    async authenticate(secret, paymentMethodId) {
      try {
        const path = intentPath(secret)
        const intent = await ask('GET', path, { client_secret: secret })
        if (intent.status !== 'requires_payment_method' || paymentMethodId === null)
          return await settled(intent)
        return await settled(
          await ask('POST', `${path}/confirm`, { payment_method: paymentMethodId, client_secret: secret }),
        )
      } catch (error) {
        return refusal(error)
      }
    },
  }
}

/** @typedef {{ id: string, status: string }} Intent */

/** Sends the customer to the bank where the intent wants that. @param {Intent} intent @returns {Promise<CardOutcome>} */
async function settled(intent) {
  if (intent.status !== 'requires_action') return outcomeOf(intent)
  const answer = await atTheBank()
  if (answer === '') return { outcome: 'refused', message: 'Your bank still waits for your confirmation.' }
  return outcomeOf(
    await ask('POST', `_sandbox/authenticate/${intent.id}`, JSON.stringify({ outcome: answer })),
  )
}

/** @param {Intent & { last_setup_error?: Failure, last_payment_error?: Failure }} intent @returns {CardOutcome} */
function outcomeOf({ status, last_setup_error, last_payment_error }) {
  if (status === 'succeeded' || status === 'processing') return { outcome: 'confirmed' }
  return { outcome: 'refused', message: declined(last_setup_error ?? last_payment_error ?? { code: '' }) }
}

/** The challenge, as a dialog. @returns {Promise<'succeed' | 'fail' | ''>} '' when it was closed without an answer */
function atTheBank() {
  const dialog = find(document, '#challenge', HTMLDialogElement)
  const { promise, resolve } = /** @type {PromiseWithResolvers<'succeed' | 'fail' | ''>} */ (
    Promise.withResolvers()
  )
  dialog.returnValue = ''
  dialog.addEventListener('close', () => resolve(/** @type {any} */ (dialog.returnValue)), { once: true })
  dialog.showModal()
  return promise
}

/** @typedef {{ code: string, decline_code?: string, message?: string }} Failure */

/** What the sandbox said no to, in Stripe's shape. */
class Refused extends Error {
  /** @param {Failure} failure */
  constructor(failure) {
    super(failure.message)
    this.failure = failure
  }
}

/** @param {unknown} error @returns {CardOutcome} */
function refusal(error) {
  if (error instanceof Refused) return { outcome: 'refused', message: declined(error.failure) }
  return { outcome: 'refused', message: 'The bank cannot be reached. Please try again in a moment.' }
}

/**
 * @param {'GET' | 'POST'} method
 * @param {string} path
 * @param {Record<string, string> | string} parameters
 */
async function ask(method, path, parameters) {
  const text = typeof parameters === 'string' ? parameters : `${new URLSearchParams(parameters)}`
  const response = await fetch(`/onboarding/sandbox/${path}${method === 'GET' ? `?${text}` : ''}`, {
    method,
    ...(method === 'POST' && { body: text }),
  })
  const body = await response.json()
  if (response.ok) return body
  throw response.status === 402 ? new Refused(body.error) : new Error(body.error?.message)
}

/** @param {string} secret */
function intentPath(secret) {
  const [id = ''] = secret.split('_secret_')
  return `v1/${id.startsWith('seti_') ? 'setup_intents' : 'payment_intents'}/${id}`
}

/** @param {HTMLFormElement} form @param {string} number */
function fill(form, number) {
  const value = { number, expiry: `12 / ${(new Date().getFullYear() + 2) % 100}`, cvc: '123' }
  for (const [name, text] of Object.entries(value))
    find(form, `[name="${name}"]`, HTMLInputElement).value = text
  showFieldProblems(form, [])
  findButton(form, '[type="submit"]').focus()
}

/** @param {HTMLFormElement} form */
function cardOf(form) {
  const text = (/** @type {string} */ name) => find(form, `[name="${name}"]`, HTMLInputElement).value.trim()
  const number = text('number').replace(/[\s-]/g, '')
  const [, month = '', year = ''] = /^(\d{1,2})\s*\/?\s*(\d{2}|\d{4})$/.exec(text('expiry')) ?? []
  const fullYear = Number(year) + (year.length === 2 ? 2000 : 0)
  const problems = []
  if (!/^\d{12,19}$/.test(number)) problems.push({ path: 'number', message: 'Enter the number on the card' })
  if (Number(month) < 1 || Number(month) > 12 || year === '')
    problems.push({ path: 'expiry', message: 'Enter month and year, such as 04 / 30' })
  else if (new Date(fullYear, Number(month)) <= new Date())
    problems.push({ path: 'expiry', message: 'The card has expired' })
  if (!/^\d{3,4}$/.test(text('cvc'))) problems.push({ path: 'cvc', message: 'Enter the 3 or 4 digits' })
  const card = {
    'card[number]': number,
    'card[exp_month]': String(Number(month)),
    'card[exp_year]': String(fullYear),
    'card[cvc]': text('cvc'),
  }
  return problems.length > 0 ? { problems } : { card, problems }
}
