import { find, onSubmit } from '../dom.js'

/** Step 2. @type {import('../main.js').View} */
export function customerView(root, wizard) {
  onSubmit(
    root,
    find(root, 'form', HTMLFormElement),
    async () => {
      await wizard.client.createCustomer(wizard.sessionId)
      await wizard.refresh()
    },
    wizard.movedOn,
  )
}
