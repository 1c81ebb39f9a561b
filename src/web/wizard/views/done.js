import { showCharges } from '../charges.js'
import { find, findButton } from '../dom.js'
import { day } from '../words.js'
import { orderOf } from './subscribe.js'

/**
 * After the last step: what was bought, and the way on.
 * @param {HTMLElement} root
 * @param {import('../screen.ts').Position} position
 * @param {{ label: string, run: () => void } | undefined} action
 */
export function doneView(root, { plan, subscription, success_url: url }, action) {
  const trialEnds = subscription?.trial_ends_at ?? null
  const name = plan?.plan_name ?? 'the plan'
  find(root, '.lead').textContent = trialEnds
    ? `Your account is ready. Your free trial of ${name} runs until ${day(trialEnds)}.`
    : `Your account is ready, and your subscription to ${name} is active.`
  if (plan !== null) {
    const place = find(root, '[data-part="charges"]')
    showCharges(place, plan.due, { trialEnds, isBought: true, before: orderOf(plan) })
  }
  const link = find(root, 'a', HTMLAnchorElement)
  link.hidden = url === null
  if (url !== null) link.href = url
  const button = findButton(root, 'button')
  button.hidden = action === undefined
  if (action === undefined) return
  button.textContent = action.label
  button.addEventListener('click', action.run)
}
