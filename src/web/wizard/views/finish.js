import { find, findButton, showAlert, whileBusy } from '../dom.js'
import { explained } from '../words.js'

/** Step 6, which the wizard takes by itself. @type {import('../main.js').View} */
export function finishView(root, wizard) {
  const again = findButton(root, '[data-part="again"]')
  const finish = async () => {
    showAlert(root, null)
    try {
      await wizard.client.complete(wizard.sessionId)
      await wizard.refresh()
    } catch (error) {
      if (wizard.movedOn(error)) return
      again.hidden = false
      showAlert(root, explained(error))
    }
  }
  find(root, '[data-part="lead"]').textContent = 'We finish setting up your account.'
  again.addEventListener('click', () => whileBusy(again, finish))
  void finish()
}
