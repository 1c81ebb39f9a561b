import { randomKey } from '../../../client/request.ts'
import { begin } from '../begin.js'
import { emptyOrMistyped, find, onSubmit, showFieldProblems } from '../dom.js'

/**
 * Step 1, where no host product has taken it.
 * @param {HTMLElement} root
 * @param {(credentials: import('../session-link.js').Credentials) => Promise<void>} opened
 */
export function startView(root, opened) {
  const form = find(root, 'form', HTMLFormElement)
  let attempt = { of: '', key: '' }
  onSubmit(root, form, async () => {
    const problems = emptyOrMistyped(form)
    if (problems.length > 0) return void showFieldProblems(form, problems)
    const text = (/** @type {string} */ name) => find(form, `[name="${name}"]`, HTMLInputElement).value.trim()
    const phone = text('phone')
    const applicant = {
      email: text('email'),
      name: text('name'),
      company_name: text('company_name'),
      ...(phone && { phone }),
    }
    const of = JSON.stringify(applicant)
    if (attempt.of !== of) attempt = { of, key: randomKey() }
    await opened(await begin(applicant, attempt.key))
  })
}
