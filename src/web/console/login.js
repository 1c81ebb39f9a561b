import { logIn } from './api.js'
import { find, h } from './dom.js'
import { explained } from './words.js'

/** Asks for the admin key, which goes to the service once and is kept nowhere. @param {() => void} onLogin */
export function showLogin(onLogin) {
  for (const id of ['#head', '#foot']) find(id, HTMLElement).hidden = true
  document.title = 'Log in · Stepledger console'
  const problem = h('p', { id: 'key-problem', class: 'problem', role: 'alert' })
  const key = h('input', {
    id: 'key',
    type: 'password',
    required: true,
    autocomplete: 'current-password',
    spellcheck: 'false',
    'aria-describedby': 'key-problem',
  })
  const form = h(
    'form',
    { class: 'login', novalidate: true },
    h('h1', null, 'Stepledger console'),
    h('label', { for: 'key' }, 'Admin key'),
    key,
    problem,
    h('button', { type: 'submit', class: 'primary' }, 'Log in'),
    h('p', { class: 'hint' }, 'The login lasts eight hours, or until the key is revoked.'),
  )
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    problem.textContent = ''
    try {
      if (!/^[\x21-\x7e]+$/.test(key.value.trim())) throw new Error('Enter the admin key')
      await logIn(key.value.trim())
      key.value = ''
      onLogin()
    } catch (error) {
      problem.textContent = explained(error)
      key.setAttribute('aria-invalid', 'true')
      key.focus()
    }
  })
  find('#main', HTMLElement).replaceChildren(form)
  key.focus()
}
