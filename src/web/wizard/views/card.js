import { find, findButton, onSubmit, showAlert, showError } from '../dom.js'
import { firstPaymentDeclined } from '../screen.ts'
import { declined } from '../words.js'

/**
 * Steps 2 and 3, and 3 again for another card: the account that the card belongs to is opened along the way.
 * @type {import('../main.js').View}
 */
export function cardView(root, wizard) {
  const form = find(root, 'form', HTMLFormElement)
  const fields = find(root, '[data-part="fields"]')
  const button = findButton(form, '[type="submit"]')
  const another = findButton(form, '[data-part="another"]')
  const keep = findButton(form, '[data-part="keep"]')
  const lead = find(root, '[data-part="lead"]')
  const { payment } = wizard.position
  if (payment.decline !== null) showAlert(root, declined(payment.decline))
  if (firstPaymentDeclined(wizard.position))
    lead.textContent =
      'The first payment did not go through, and nothing was charged. Please use another card.'

  /** @type {{ id: string, card: import('../cards/sandbox-cards.js').CardForm } | undefined} */
  let shown
  let isPreparing = false
  /** What the position said at the last attempt: the same again leads to the same. */
  let triedAt = ''
  const state = () => `${wizard.position.customer_id} ${wizard.position.payment.setup_intent_id}`

  const prepare = async ({ anotherCard = false } = {}) => {
    if (isPreparing) return
    isPreparing = true
    triedAt = state()
    try {
      if (wizard.position.customer_id === null) await wizard.client.createCustomer(wizard.sessionId)
      const setup = await wizard.client.setupPayment(wizard.sessionId, wizard.returnUrl, { anotherCard })
      if (setup.setup_intent_id === shown?.id) return
      const desk = await wizard.cards()
      if (await desk.isConfirmed(setup.client_secret))
        return void (await wizard.cardConfirmed(setup.setup_intent_id))
      shown = { id: setup.setup_intent_id, card: await desk.show(fields, form, setup.client_secret) }
      button.hidden = false
    } catch (error) {
      if (!wizard.movedOn(error)) offerAgain(error, anotherCard)
    } finally {
      isPreparing = false
    }
  }

  /** @param {unknown} error @param {boolean} anotherCard */
  const offerAgain = (error, anotherCard) => {
    const again = document.createElement('button')
    Object.assign(again, { type: 'button', className: 'secondary', textContent: 'Try again' })
    again.addEventListener('click', () => {
      showAlert(root, null)
      fields.textContent = ''
      void prepare({ anotherCard })
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
  findButton(form, '[data-part="back"]').addEventListener('click', wizard.goBack)

  const isSaved = wizard.hasCard()
  another.hidden = keep.hidden = !isSaved
  if (isSaved) {
    lead.textContent = 'Your card is saved. It is charged when your subscription starts.'
    fields.replaceChildren()
    keep.addEventListener('click', wizard.goOn)
    another.addEventListener('click', () => {
      another.hidden = keep.hidden = true
      find(root, 'h2').focus()
      lead.textContent = 'The other card takes the place of the one that is saved.'
      fields.textContent = 'Preparing a secure form…'
      void prepare({ anotherCard: true })
    })
  } else void prepare()

  return {
    update() {
      if (!another.hidden) return
      const { setup_intent_id: id } = wizard.position.payment
      // Another tab may have had a new SetupIntent made, or opened the account.
      if (shown === undefined ? state() !== triedAt : id !== null && id !== shown.id) void prepare()
    },
  }
}
