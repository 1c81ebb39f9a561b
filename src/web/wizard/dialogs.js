import { find, findButton, whileBusy } from './dom.js'
import { linkOf } from './session-link.js'
import { explained } from './words.js'

/**
 * The link by which another device goes on.
 * @param {import('./session-link.js').Credentials} credentials
 */
export function showLink(credentials) {
  const link = find(document, '#link', HTMLInputElement)
  const copy = findButton(document, '#copy-link')
  link.value = linkOf(credentials)
  copy.hidden = !navigator.clipboard
  copy.textContent = 'Copy link'
  copy.onclick = async () => {
    await navigator.clipboard.writeText(link.value)
    copy.textContent = 'Copied'
  }
  find(document, '#elsewhere-dialog', HTMLDialogElement).showModal()
  link.select()
}

/**
 * Asked once more, because it cannot be undone.
 * @param {import('./main.js').Wizard} wizard
 * @param {HTMLButtonElement} button
 */
export function confirmCancel(wizard, button) {
  const dialog = find(document, '#cancel-dialog', HTMLDialogElement)
  dialog.returnValue = ''
  dialog.onclose = () => {
    if (dialog.returnValue !== 'cancel') return
    void whileBusy(button, async () => {
      try {
        await wizard.client.cancel(wizard.sessionId)
        await wizard.refresh()
      } catch (error) {
        if (!wizard.movedOn(error)) wizard.tell(explained(error))
      }
    })
  }
  dialog.showModal()
}
