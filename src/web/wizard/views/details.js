import { emptyOrMistyped, find, findButton, onSubmit, showAlert, showFieldProblems } from '../dom.js'
import { explained } from '../words.js'
import { applicantIn, fields } from './start.js'

/** Step 1 once more, to correct it. @type {import('../main.js').View} */
export function detailsView(root, wizard) {
  const form = find(root, 'form', HTMLFormElement)
  find(root, '[data-part="lead"]').textContent =
    'You can correct your details until your subscription starts.'
  form.hidden = true
  /** @type {Record<string, string | null>} */
  let before = {}

  const load = async () => {
    try {
      before = (await wizard.client.session(wizard.sessionId)).applicant
    } catch (error) {
      if (!wizard.movedOn(error)) showAlert(root, explained(error))
      return
    }
    for (const name of fields) find(form, `[name="${name}"]`, HTMLInputElement).value = before[name] ?? ''
    form.hidden = false
  }

  onSubmit(
    root,
    form,
    async () => {
      const problems = emptyOrMistyped(form)
      if (problems.length > 0) return void showFieldProblems(form, problems)
      const now = applicantIn(form)
      const corrected = Object.entries(now).filter(([name, value]) => value !== before[name])
      if (corrected.length > 0)
        await wizard.client.correctApplicant(wizard.sessionId, Object.fromEntries(corrected))
      wizard.goOn()
    },
    wizard.movedOn,
  )
  findButton(form, '[type="submit"]').textContent = 'Save and continue'
  void load()
}
