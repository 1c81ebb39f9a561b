import { randomKey } from '../../../client/request.ts'
import { begin } from '../begin.js'
import { emptyOrMistyped, find, onSubmit, showFieldProblems } from '../dom.js'

export const fields = /** @type {const} */ (['company_name', 'name', 'email', 'phone'])

/** What the form says; no phone is null. @param {HTMLFormElement} form */
export function applicantIn(form) {
  const text = (/** @type {string} */ name) => find(form, `[name="${name}"]`, HTMLInputElement).value.trim()
  return {
    email: text('email'),
    name: text('name'),
    company_name: text('company_name'),
    phone: text('phone') || null,
  }
}

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
    const { phone, ...person } = applicantIn(form)
    const applicant = { ...person, ...(phone !== null && { phone }) }
    const of = JSON.stringify(applicant)
    if (attempt.of !== of) attempt = { of, key: randomKey() }
    await opened(await begin(applicant, attempt.key))
  })
}
