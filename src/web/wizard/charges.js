import { copyOf, find } from './dom.js'
import { day, each, money, per, periodsOf } from './words.js'

/** @typedef {import('../../client/types.ts').Due} Due */
/** @typedef {{ label: string, amount: string, parts?: string | undefined }} Charge */

/**
 * The plan's own price, such as `$24.50` and `for the first month, then $49.00 per month`.
 * @param {Due} due
 */
export function planPrice({ invoices, currency, billing_interval: interval, interval_count: count }) {
  const runs = invoices.reduce((/** @type {{ cents: number, count: number | null }[]} */ merged, run) => {
    const last = merged.at(-1)
    if (last?.cents !== run.plan_cents) merged.push({ cents: run.plan_cents, count: run.count })
    else last.count = run.count === null ? null : (last.count ?? 0) + run.count
    return merged
  }, [])
  const every = per(interval, count)
  const texts = runs.map(({ cents, count: invoiceCount }) => {
    const amount = money(cents, currency)
    if (invoiceCount === null) return { amount, lasting: every }
    const first = `for the first ${periodsOf(interval, count * invoiceCount)}`
    return { amount, lasting: invoiceCount === 1 ? first : `${every} ${first}` }
  })
  const [{ amount, lasting } = { amount: '', lasting: '' }, ...later] = texts
  return { amount, rest: [lasting, ...later.map((then) => `${then.amount} ${then.lasting}`)].join(', then ') }
}

/**
 * Fills a place with all that will be charged, in its order, and the rates of usage.
 * @param {Element} place
 * @param {Due} due
 * @param {{ trialEnds?: string | number | null, isBought?: boolean, before?: Charge[] }} [about] `isBought`: it was
 *   ordered, perhaps some days ago
 */
export function showCharges(place, due, { trialEnds, isBought = false, before = [] } = {}) {
  const copy = copyOf('charges')
  const charges = due.invoices.length > 0 ? chargesOf(due, { trialEnds, isBought }) : []
  find(copy, '.summary').replaceChildren(...[...before, ...charges].flatMap(rowOf))
  const rates = find(copy, '.rates')
  rates.replaceChildren(
    ...due.usage_rates.map((rate) => {
      const item = document.createElement('li')
      item.textContent = `${money(rate.rate_cents, due.currency)} ${unitOf(rate)}`
      return item
    }),
  )
  find(copy, '[data-part="usage"]').hidden = due.usage_rates.length === 0
  place.replaceChildren(copy)
}

/** @param {Due} due @param {{ trialEnds?: string | number | null | undefined, isBought: boolean }} about @returns {Charge[]} */
function chargesOf(due, { trialEnds, isBought }) {
  const { currency, trial_days: trialDays, billing_interval: interval, interval_count: count } = due
  const plusUsage = due.usage_rates.length > 0 ? ' plus usage' : ''
  const [first, ...later] = due.invoices
  if (first === undefined) return []
  const ends = day(trialEnds ?? Date.now() + trialDays * 86_400_000)
  const hasTrial = isBought ? trialEnds != null : trialDays > 0
  /** @param {string} label @param {typeof first} run @param {string} usage @returns {Charge} */
  const charge = (label, run, usage) => ({
    label,
    amount: `${money(run.total_cents, currency)}${usage}`,
    parts:
      run.platform_base_cents > 0
        ? `Plan ${money(run.plan_cents, currency)} + platform fee ${money(run.platform_base_cents, currency)}`
        : undefined,
  })
  const charges = hasTrial
    ? [
        ...(isBought ? [] : [{ label: 'Due today', amount: money(due.today_cents, currency) }]),
        charge(`First invoice, when the free trial ends on ${ends}`, first, plusUsage),
      ]
    : [charge(isBought ? 'First invoice' : 'Due today', first, '')]
  const runs = first.count === 1 ? later : [{ ...first, count: first.count && first.count - 1 }, ...later]
  for (const run of runs) {
    const label =
      run.count === null
        ? `Then ${each(interval, count)}`
        : run.count === 1
          ? 'The invoice after that'
          : `The next ${run.count} invoices`
    charges.push(charge(label, run, plusUsage))
  }
  const isInBetween = (due.invoices.at(-1)?.platform_base_cents ?? 0) > 0
  if (due.monthly_base_cents > 0)
    charges.push({
      label: isInBetween ? 'Each month in between' : 'Each month after the first',
      amount: `${money(due.monthly_base_cents, currency)}${plusUsage}`,
      parts: 'Platform fee',
    })
  return charges
}

/** @param {Charge} charge */
function rowOf({ label, amount, parts }) {
  const [dt, dd] = [document.createElement('dt'), document.createElement('dd')]
  dt.textContent = label
  dd.textContent = amount
  if (parts !== undefined) {
    const small = document.createElement('span')
    small.className = 'parts'
    small.textContent = parts
    dd.append(small)
  }
  return [dt, dd]
}

/** @param {Due['usage_rates'][number]} rate */
function unitOf({ usage_type, per_units: units }) {
  const [one, many, monthly = ''] = names[usage_type] ?? [usage_type, usage_type]
  return `per ${units === 1 ? one : `${new Intl.NumberFormat('en').format(units)} ${many}`}${monthly}`
}

/** @type {Record<string, [string, string, string?]>} */
const names = {
  agent: ['agent', 'agents', ' a month'],
  user: ['user', 'users', ' a month'],
  case: ['case', 'cases'],
  event_ingestion: ['event ingested', 'events ingested'],
  api_call: ['API call', 'API calls'],
}
