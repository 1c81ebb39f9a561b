import { StepledgerError } from '../../../client/client.ts'
import { planPrice, showCharges } from '../charges.js'
import {
  copyOf,
  find,
  findButton,
  onSubmit,
  showAlert,
  showError,
  showFieldProblems,
  whileBusy,
} from '../dom.js'
import { explained, lasting, money, periodName } from '../words.js'

/** @typedef {import('../../../client/types.ts').Plan} Plan */
/** @typedef {Plan['prices'][number]} Price */
/** @typedef {import('../../../client/types.ts').SelectedPlan} SelectedPlan */

/** Step 4. @type {import('../main.js').View} */
export function planView(root, wizard) {
  const form = find(root, 'form', HTMLFormElement)
  const place = find(root, '[data-part="plans"]')
  const code = find(form, '[name="discount_code"]', HTMLInputElement)
  const apply = findButton(form, '[data-part="apply"]')
  const applied = find(form, '[data-part="applied"]')
  const charges = find(form, '[data-part="charges"]')
  const { plan: selected } = wizard.position
  const { trial_days: trialDays } = wizard.settings

  /** @type {Plan[]} */
  let plans = []
  let period = ''
  let chosenPlan = selected?.plan_id ?? ''
  /** Prices under the code that is applied. @type {Map<string, SelectedPlan>} */
  let discounted = new Map()

  find(root, '[data-part="lead"]').textContent =
    trialDays > 0
      ? `Free for ${trialDays} days. You can change the plan until your subscription starts.`
      : 'You can change the plan until your subscription starts.'
  code.value = selected?.discount?.code ?? ''
  findButton(form, '[data-part="back"]').addEventListener('click', wizard.goBack)

  const priceOf = (/** @type {Plan} */ plan) => plan.prices.find((price) => periodOf(price) === period)

  const draw = () => {
    place.replaceChildren(
      ...plans.flatMap((plan) => {
        const price = priceOf(plan)
        return price === undefined
          ? []
          : [choiceOf(plan, price, discounted.get(price.price_id), plan.plan_id === chosenPlan)]
      }),
    )
    drawCharges()
  }

  /** Of the plan that is chosen; before one is, what is charged beside every plan. */
  const drawCharges = () => {
    const chosen = plans.find(({ plan_id }) => plan_id === chosenPlan)
    const price = chosen && priceOf(chosen)
    const any = plans.map(priceOf).find((each) => each !== undefined)
    charges.hidden = any === undefined
    if (price !== undefined) showCharges(charges, discounted.get(price.price_id)?.due ?? price.due)
    else if (any !== undefined) {
      const { currency, invoices } = any.due
      const baseCents = invoices[0]?.platform_base_cents ?? 0
      const amount = `${money(baseCents, currency)} each month${trialDays > 0 ? ' after the free trial' : ''}`
      const before = baseCents > 0 ? [{ label: 'Platform fee', amount }] : []
      showCharges(charges, { ...any.due, invoices: [] }, { before })
    }
  }

  /** Asks for the prices of all plans under the code; false when it cannot be used. */
  const applyCode = async () => {
    const discountCode = code.value.trim()
    applied.textContent = ''
    showFieldProblems(form, [])
    showAlert(root, null)
    discounted = new Map()
    if (discountCode !== '') {
      const answers = await Promise.allSettled(
        plans.flatMap((plan) => {
          const price = priceOf(plan)
          const choice = {
            plan_id: plan.plan_id,
            price_id: price?.price_id ?? '',
            discount_code: discountCode,
          }
          return price === undefined ? [] : [wizard.client.previewPlan(wizard.sessionId, choice)]
        }),
      )
      for (const answer of answers)
        if (answer.status === 'fulfilled') discounted.set(answer.value.price_id, answer.value)
      const [first] = discounted.values()
      const refused = answers.find((answer) => answer.status === 'rejected')
      if (first?.discount)
        applied.textContent = `${first.discount.code} applied: ${offOf(first)} ${lasting(first.discount)}`
      else if (refused) showCodeProblem(refused.reason)
    }
    draw()
  }

  /** @param {unknown} error */
  const showCodeProblem = (error) => {
    if (error instanceof StepledgerError && error.details.discount_code !== undefined)
      showFieldProblems(form, [{ path: 'discount_code', message: explained(error) }])
    else showError(root, form, error)
  }

  place.addEventListener('change', (event) => {
    if (event.target instanceof HTMLInputElement) chosenPlan = event.target.value
    drawCharges()
  })
  apply.addEventListener('click', () => whileBusy(apply, applyCode))
  code.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter') return
    event.preventDefault()
    apply.click()
  })

  onSubmit(
    root,
    form,
    async () => {
      const plan = plans.find(({ plan_id }) => plan_id === chosenPlan)
      const price = plan && priceOf(plan)
      if (plan === undefined || price === undefined)
        return void showFieldProblems(form, [{ path: 'plan', message: 'Choose a plan to continue' }])
      const discountCode = code.value.trim()
      await wizard.client.selectPlan(wizard.sessionId, {
        plan_id: plan.plan_id,
        price_id: price.price_id,
        ...(discountCode && { discount_code: discountCode }),
      })
      await wizard.refresh()
      wizard.goOn()
    },
    (error) => {
      if (!(error instanceof StepledgerError)) return false
      if (error.code === 'payment_method_required') void wizard.cardMissing(explained(error))
      else if (error.details.discount_code !== undefined) showCodeProblem(error)
      else return wizard.movedOn(error)
      return true
    },
  )

  const load = async () => {
    try {
      plans = await wizard.client.plans()
    } catch (error) {
      place.textContent = ''
      return showError(root, form, error)
    }
    const prices = plans.flatMap((plan) => plan.prices)
    const periods = new Map(prices.map((price) => [periodOf(price), price]))
    const wanted = prices.find(({ price_id }) => price_id === selected?.price_id) ?? prices[0]
    period = wanted ? periodOf(wanted) : ''
    const intervals = find(root, '[data-part="intervals"]')
    intervals.hidden = periods.size < 2
    intervals.append(...[...periods].map(([value, price]) => segmentOf(value, price, value === period)))
    intervals.addEventListener('change', (event) => {
      if (event.target instanceof HTMLInputElement) period = event.target.value
      void applyCode()
    })
    if (plans.length === 0) place.textContent = 'There are no plans on offer at the moment.'
    else await applyCode()
  }
  void load()
}

/** @param {Price} price */
const periodOf = ({ billing_interval, interval_count }) => `${interval_count}-${billing_interval}`

/** @param {SelectedPlan} preview */
function offOf({ discount, discount_cents, currency }) {
  const ppm = discount?.percent_off_ppm ?? null
  return ppm === null ? `${money(discount_cents, currency)} off` : `${ppm / 10_000} % off`
}

/**
 * @param {Plan} plan
 * @param {Price} price
 * @param {SelectedPlan | undefined} preview
 * @param {boolean} isChosen
 */
function choiceOf(plan, price, preview, isChosen) {
  const choice = copyOf('plan-choice')
  const input = find(choice, 'input', HTMLInputElement)
  input.value = plan.plan_id
  input.checked = isChosen
  find(choice, '.plan-name').textContent = plan.name
  find(choice, '.plan-description').textContent = plan.description
  const due = preview?.due ?? price.due
  const { amount, rest } = planPrice(due)
  const before = find(choice, '.before')
  // For ever less: else the words say for how long.
  before.hidden = due.invoices.at(-1)?.plan_cents === price.amount_cents
  before.textContent = money(price.amount_cents, price.currency)
  before.setAttribute('aria-label', `instead of ${before.textContent}`)
  find(choice, '.amount').textContent = amount
  find(choice, '.per').textContent = rest
  return choice
}

/** @param {string} value @param {Price} price @param {boolean} isChosen */
function segmentOf(value, price, isChosen) {
  const label = document.createElement('label')
  const input = document.createElement('input')
  Object.assign(input, { type: 'radio', name: 'period', value, checked: isChosen })
  label.append(input, periodName(price.billing_interval, price.interval_count))
  return label
}
