import { find, findButton, onSubmit, showAlert, showError } from '../dom.js'
import { firstPaymentDeclined } from '../place.ts'
import { declined } from '../words.js'

/** Step 3, and again when the first payment was declined. @type {import('../main.js').View} */
export function cardView(root, wizard) {
  const form = find(root, 'form', HTMLFormElement)
  const fields = find(root, '[data-part="fields"]')
  const button = findButton(form, '[type="submit"]')
  const { payment } = wizard.position
  if (payment.decline !== null) showAlert(root, declined(payment.decline))
  if (firstPaymentDeclined(wizard.position))
    find(root, '[data-part="lead"]').textContent =
      'The first payment did not go through, and nothing was charged. Please use another card.'

  /** @type {{ id: string, card: import('../cards/sandbox-cards.js').CardForm } | undefined} */
  let shown
  let isPreparing = false

  const prepare = async () => {
    if (isPreparing) return
    isPreparing = true
    try {
      const setup = await wizard.client.setupPayment(wizard.sessionId, wizard.returnUrl)
      if (setup.setup_intent_id === shown?.id) return
      const desk = await wizard.cards()
      if (await desk.isConfirmed(setup.client_secret))
        return void (await wizard.cardConfirmed(setup.setup_intent_id))
      shown = { id: setup.setup_intent_id, card: await desk.show(fields, form, setup.client_secret) }
      button.hidden = false
    } catch (error) {
      if (!wizard.movedOn(error)) offerAgain(error)
    } finally {
      isPreparing = false
    }
  }

  /** @param {unknown} error */
  const offerAgain = (error) => {
    const again = document.createElement('button')
    Object.assign(again, { type: 'button', className: 'secondary', textContent: 'Try again' })
    again.addEventListener('click', () => {
      showAlert(root, null)
      fields.textContent = ''
      void prepare()
    })
    fields.replaceChildren(again)
    showError(root, form, error)
  }

  onSubmit(root, form, async () => {
    if (shown === undefined) return
    const { id, card } = shown
    const answer = await card.confirm()
    if (answer.outcome === 'confirmed') await wizard.cardConfirmed(id)
    else showAlert(root, answer.message)
  })
  void prepare()

  return {
    update() {
      // Another tab may have had a new SetupIntent made.
      const { setup_intent_id: id } = wizard.position.payment
      if (shown !== undefined && id !== null && id !== shown.id) void prepare()
    },
  }
}
