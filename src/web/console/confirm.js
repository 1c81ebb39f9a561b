import { h } from './dom.js'

/**
 * Asks before something is done, in a dialog; false when it was closed in any other way.
 * @param {string} question
 * @param {string} says what will happen
 * @param {string} yes the label of the button that does it
 * @returns {Promise<boolean>}
 */
export function confirmed(question, says, yes) {
  const { promise, resolve } = Promise.withResolvers()
  /** @param {string} answer */
  const close = (answer) => () => dialog.close(answer)
  const dialog = h(
    'dialog',
    { 'aria-labelledby': 'confirm-title', 'aria-describedby': 'confirm-says' },
    h('h2', { id: 'confirm-title' }, question),
    h('p', { id: 'confirm-says' }, says),
    h(
      'p',
      { class: 'answers' },
      h('button', { type: 'button', autofocus: true, onclick: close('') }, 'Cancel'),
      h('button', { type: 'button', class: 'primary', onclick: close('yes') }, yes),
    ),
  )
  dialog.addEventListener('close', () => {
    dialog.remove()
    resolve(dialog.returnValue === 'yes')
  })
  document.body.append(dialog)
  dialog.showModal()
  return promise
}
