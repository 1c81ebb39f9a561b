import { StepledgerError } from '../../client/client.ts'
import { explained } from './words.js'

/**
 * The one element that a selector names.
 * @template {Element} [T=HTMLElement]
 * @param {ParentNode} root
 * @param {string} selector
 * @param {new () => T} [type]
 * @returns {T}
 */
export function find(root, selector, type) {
  const found = root.querySelector(selector)
  if (found === null || (type && !(found instanceof type))) throw new Error(`no ${selector}`)
  return /** @type {T} */ (found)
}

/** @param {ParentNode} root @param {string} selector */
export const findButton = (root, selector) => find(root, selector, HTMLButtonElement)

/** @param {string} id of a template */
export function copyOf(id) {
  return /** @type {DocumentFragment} */ (
    find(document, `#${id}`, HTMLTemplateElement).content.cloneNode(true)
  )
}

/** For screen readers, without moving the focus. @param {string} text */
export function announce(text) {
  find(document, '#status').textContent = text
}

/** @param {ParentNode} root @param {string | null} message */
export function showAlert(root, message) {
  const alert = find(root, '.alert')
  alert.textContent = message
  alert.hidden = message === null
}

/**
 * Marks fields and moves the focus to the first. The problems that no field of the form has are returned.
 * @param {HTMLFormElement} form
 * @param {{ path: string, message: string }[]} problems
 */
export function showFieldProblems(form, problems) {
  for (const field of form.querySelectorAll('[aria-invalid]')) {
    field.removeAttribute('aria-invalid')
    field.removeAttribute('aria-describedby')
  }
  for (const error of form.querySelectorAll('.error')) {
    error.textContent = ''
    error.toggleAttribute('hidden', true)
  }
  const rest = []
  for (const { path, message } of problems.toReversed()) {
    const field = form.querySelector(`[name="${CSS.escape(path)}"]`)
    const error = form.querySelector(`#${CSS.escape(path)}-error`)
    if (!(field instanceof HTMLInputElement) || !(error instanceof HTMLElement)) {
      rest.unshift({ path, message })
      continue
    }
    error.textContent = message
    error.hidden = false
    field.setAttribute('aria-invalid', 'true')
    field.setAttribute('aria-describedby', error.id)
    field.focus()
  }
  return rest
}

/**
 * What the browser itself finds wrong, in our words.
 * @param {HTMLFormElement} form
 */
export function emptyOrMistyped(form) {
  return [...form.querySelectorAll('input')].flatMap((field) => {
    const label = labelOf(field)
    if (field.required && field.value.trim() === '')
      return [{ path: field.name, message: `${label} is missing` }]
    if (field.validity.typeMismatch)
      return [{ path: field.name, message: `${label} must look like name@example.com` }]
    return []
  })
}

/**
 * Runs the form's work once at a time. What the service says against fields stands at the fields, everything else
 * above the form.
 * @param {ParentNode} root with an `.alert`
 * @param {HTMLFormElement} form
 * @param {() => Promise<void>} work
 * @param {(error: unknown) => boolean} [handled] true: nothing is left to be shown
 */
export function onSubmit(root, form, work, handled = () => false) {
  const button = findButton(form, '[type="submit"]')
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    if (button.ariaDisabled === 'true') return
    showAlert(root, null)
    showFieldProblems(form, [])
    await whileBusy(button, async () => {
      try {
        await work()
      } catch (error) {
        if (!handled(error)) showError(root, form, error)
      }
    })
  })
}

/**
 * A button that stays focusable while it works.
 * @param {HTMLButtonElement} button
 * @param {() => Promise<void>} work
 */
export async function whileBusy(button, work) {
  button.ariaDisabled = 'true'
  announce('Please wait')
  try {
    await work()
  } finally {
    button.ariaDisabled = null
    announce('')
  }
}

/**
 * @param {ParentNode} root
 * @param {HTMLFormElement} form
 * @param {unknown} error
 */
export function showError(root, form, error) {
  if (!(error instanceof StepledgerError)) console.error(error)
  const problems = error instanceof StepledgerError ? error.fields : []
  const rest = showFieldProblems(
    form,
    problems.map(({ path, message }) => ({
      path,
      // A whole sentence stands for itself.
      message: /^[A-Z]/.test(message) ? message : `${nameOf(form, path)} ${message}`,
    })),
  )
  if (problems.length === 0) showAlert(root, explained(error))
  else if (rest.length > 0) showAlert(root, rest.map(({ message }) => message.replace(/\.$/, '')).join('. '))
}

/** @param {HTMLFormElement} form @param {string} path */
function nameOf(form, path) {
  const field = form.querySelector(`[name="${CSS.escape(path)}"]`)
  return field instanceof HTMLInputElement ? labelOf(field) : path
}

/** Without its hint. @param {HTMLInputElement} field */
const labelOf = (field) => field.labels?.[0]?.firstChild?.textContent?.trim() ?? field.name
