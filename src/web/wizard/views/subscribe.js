import { StepledgerError } from '../../../client/client.ts'
import { find, findButton, onSubmit } from '../dom.js'
import { day, explained, lasting, money, per } from '../words.js'

/** Step 5. @type {import('../main.js').View} */
export function subscribeView(root, wizard) {
  const form = find(root, 'form', HTMLFormElement)
  const change = findButton(root, '[data-part="change"]')
  const submit = findButton(form, '[type="submit"]')
  const { trial_days: trialDays } = wizard.settings
  if (trialDays > 0) submit.textContent = 'Start free trial'

  const draw = () => {
    const { plan, allowed_events: allowed, is_waiting_for_stripe: isWaiting } = wizard.position
    if (plan === null) return
    find(root, '.summary').replaceChildren(...summaryOf(plan, wizard.settings))
    find(root, '[data-part="terms"]').textContent =
      `Your card is charged ${per(plan.billing_interval, plan.billing_interval_count).replace('per', 'each')} until you cancel. ` +
      'What you use beyond the plan is added to the invoice.'
    change.hidden = !allowed.includes('select_plan')
    submit.disabled = isWaiting
  }
  draw()

  change.addEventListener('click', () => wizard.changePlan(true))
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
 * @param {NonNullable<import('../place.ts').Position['plan']>} plan
 * @param {import('../../wizard-settings.ts').WizardSettings} settings
 */
function summaryOf(plan, { trial_days: trialDays, platform_base_cents: baseCents }) {
  const { currency, discount } = plan
  /** @type {[string, string][]} */
  const rows = [
    [
      `${plan.plan_name} plan`,
      `${money(plan.amount_cents, currency)} ${per(plan.billing_interval, plan.billing_interval_count)}`,
    ],
  ]
  if (discount !== null)
    rows.push([`Discount ${discount.code}, ${lasting(discount)}`, `−${money(plan.discount_cents, currency)}`])
  if (baseCents > 0) rows.push(['Platform fee per invoice', money(baseCents, currency)])
  rows.push(['Due today', money(trialDays > 0 ? 0 : plan.amount_after_discount_cents, currency)])
  if (trialDays > 0) {
    const trialEnds = day(Date.now() + trialDays * 86_400_000)
    rows.push(['Free trial until', trialEnds])
    rows.push([
      `First invoice on ${trialEnds}`,
      `${money(plan.amount_after_discount_cents + baseCents, currency)} plus usage`,
    ])
  } else {
    const planCents = discount?.duration === 'once' ? plan.amount_cents : plan.amount_after_discount_cents
    rows.push(['Next invoice', `${money(planCents + baseCents, currency)} plus usage`])
  }
  return rows.flatMap(([term, text]) => {
    const [dt, dd] = [document.createElement('dt'), document.createElement('dd')]
    dt.textContent = term
    dd.textContent = text
    return [dt, dd]
  })
}
