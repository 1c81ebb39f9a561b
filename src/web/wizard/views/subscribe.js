import { StepledgerError } from '../../../client/client.ts'
import { planPrice, showCharges } from '../charges.js'
import { find, findButton, onSubmit } from '../dom.js'
import { each, explained, lasting } from '../words.js'

/** Step 5. @type {import('../main.js').View} */
export function subscribeView(root, wizard) {
  const form = find(root, 'form', HTMLFormElement)
  const change = findButton(root, '[data-part="change"]')
  const another = findButton(root, '[data-part="another"]')
  const details = findButton(root, '[data-part="details"]')
  const submit = findButton(form, '[type="submit"]')
  const { trial_days: trialDays } = wizard.settings
  if (trialDays > 0) submit.textContent = 'Start free trial'

  const draw = () => {
    const { plan, allowed_events: allowed, is_waiting_for_stripe: isWaiting } = wizard.position
    if (plan === null) return
    showCharges(find(root, '[data-part="charges"]'), plan.due, { before: orderOf(plan) })
    find(root, '[data-part="terms"]').textContent =
      `Your card is charged ${each(plan.billing_interval, plan.billing_interval_count)} until you cancel.`
    change.hidden = another.hidden = !allowed.includes('select_plan')
    submit.disabled = isWaiting
  }
  draw()

  change.addEventListener('click', () => wizard.lookAt('plan'))
  another.addEventListener('click', () => wizard.lookAt('card'))
  details.addEventListener('click', () => wizard.lookAt('details'))
  onSubmit(
    root,
    form,
    async () => {
      const { requires_action: wantsBank, client_secret: secret } = await wizard.client.createSubscription(
        wizard.sessionId,
      )
      await wizard.refresh()
      if (wantsBank && secret) wizard.tell(await toTheBank(wizard, secret))
    },
    (error) => {
      if (!(error instanceof StepledgerError)) return false
      // The position says that the first payment was declined: that is the card's step, with the reason.
      if (error.code === 'card_declined') wizard.catchUp()
      else if (error.code === 'payment_method_required') void wizard.cardMissing(explained(error))
      else return wizard.movedOn(error)
      return true
    },
  )
  return { update: draw }
}

/** Step 5 goes on: the bank wants the customer for the first payment. @type {import('../main.js').View} */
export function authenticateView(root, wizard) {
  onSubmit(
    root,
    find(root, 'form', HTMLFormElement),
    async () => {
      const { client_secret: secret } = await wizard.client.createSubscription(wizard.sessionId)
      if (secret) {
        wizard.tell(await toTheBank(wizard, secret))
      } else await wizard.refresh()
    },
    wizard.movedOn,
  )
}

/**
 * @param {import('../main.js').Wizard} wizard
 * @param {string} secret
 * @returns {Promise<string | null>} why not
 */
async function toTheBank(wizard, secret) {
  const desk = await wizard.cards()
  const answer = await desk.authenticate(secret, wizard.position.payment.payment_method_id)
  if (answer.outcome === 'refused') return answer.message
  // Asks Stripe, should the webhook be late.
  await wizard.client.createSubscription(wizard.sessionId)
  await wizard.refresh()
  return null
}

/**
 * What is ordered: the first rows.
 * @param {NonNullable<import('../screen.ts').Position['plan']>} plan
 */
export function orderOf({ plan_name: name, due, discount }) {
  const { amount, rest } = planPrice(due)
  const rows = [{ label: `${name} plan`, amount: `${amount} ${rest}` }]
  if (discount !== null) rows.push({ label: 'Discount', amount: `${discount.code}, ${lasting(discount)}` })
  return rows
}
