import { find, onSubmit } from '../dom.js'
import { day } from '../words.js'

/** Step 6. @type {import('../main.js').View} */
export function finishView(root, wizard) {
  const { plan, subscription } = wizard.position
  const trialEnds = subscription?.trial_ends_at
  find(root, '[data-part="lead"]').textContent = trialEnds
    ? `Your free trial of ${plan?.plan_name ?? 'the plan'} runs until ${day(trialEnds)}.`
    : `Your subscription to ${plan?.plan_name ?? 'the plan'} is active.`
  onSubmit(
    root,
    find(root, 'form', HTMLFormElement),
    async () => {
      await wizard.client.complete(wizard.sessionId)
      await wizard.refresh()
    },
    wizard.movedOn,
  )
}
