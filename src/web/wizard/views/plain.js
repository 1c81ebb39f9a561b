import { find, findButton } from '../dom.js'

/**
 * A heading, a sentence, and perhaps one thing to do.
 * @param {HTMLElement} root
 * @param {{ title: string, text: string, more?: Node[], action?: { label: string, run: () => void } }} about
 */
export function plainView(root, { title, text, more = [], action }) {
  find(root, 'h2').textContent = title
  find(root, '.lead').textContent = text
  find(root, '[data-part="more"]').replaceChildren(...more)
  const button = findButton(root, 'button')
  button.hidden = action === undefined
  if (action === undefined) return
  button.textContent = action.label
  button.addEventListener('click', action.run)
}
