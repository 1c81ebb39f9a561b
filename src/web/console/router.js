import { announce, find, h } from './dom.js'
import { explained } from './words.js'

/**
 * @typedef {{ id: string, query: URLSearchParams, signal: AbortSignal }} Asked `id`: what follows the view's name
 * @typedef {{ title: string, heading?: import('./dom.js').Child, content: import('./dom.js').Child }} Shown
 * @typedef {(asked: Asked) => Promise<Shown>} View
 */

/** The address of a view. @param {string} path @param {import('./api.js').Query} [query] */
export function href(path, query = {}) {
  const search = new URLSearchParams(
    Object.entries(query).flatMap(([name, value]) =>
      value === undefined || value === null || value === '' || value === false ? [] : [[name, String(value)]],
    ),
  )
  return `#${path}${search.size === 0 ? '' : `?${search}`}`
}

/** Turns a form into the query of a view. @param {HTMLFormElement} form @param {string} path */
export function submitTo(form, path) {
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const fields = [...new FormData(form)].map(([name, value]) => [name, String(value)])
    location.hash = href(path, Object.fromEntries(fields))
  })
  return form
}

/** @param {Record<string, View>} views by the first part of the path; '' is the first one */
export function createRouter(views) {
  let leave = new AbortController()
  let shownPath = ''

  /** @param {{ isFirst?: boolean }} [options] */
  const show = async ({ isFirst = false } = {}) => {
    leave.abort()
    leave = new AbortController()
    const { signal } = leave
    const [path = '', search = ''] = location.hash.replace(/^#\/?/, '').split('?')
    const [name = '', ...rest] = path.split('/')
    const view = views[name] ?? notFound
    const main = find('#main', HTMLElement)
    const isSame = path === shownPath && !isFirst
    markCurrent(name)
    main.setAttribute('aria-busy', 'true')
    /** @type {Shown} */
    let shown
    try {
      shown = await view({
        id: decodeURIComponent(rest.join('/')),
        query: new URLSearchParams(search),
        signal,
      })
    } catch (error) {
      if (signal.aborted) return
      shown = failed(error, () => void show())
    }
    if (signal.aborted) return
    const focused = isSame ? document.activeElement?.id : ''
    shownPath = path
    document.title = `${shown.title} · Stepledger console`
    const heading = h('h1', { tabindex: -1 }, shown.heading ?? shown.title)
    main.replaceChildren(heading, ...[shown.content].flat().filter((node) => node instanceof Node))
    main.removeAttribute('aria-busy')
    const again = focused ? document.getElementById(focused) : null
    if (again) again.focus()
    else if (!isFirst) heading.focus()
    announce(shown.title)
  }

  return {
    show,
    leave() {
      leave.abort()
      shownPath = ''
    },
  }
}

/** @param {string} name */
function markCurrent(name) {
  for (const link of document.querySelectorAll('#head nav a')) {
    const isCurrent = link.getAttribute('href') === `#/${name}`
    if (isCurrent) link.setAttribute('aria-current', 'page')
    else link.removeAttribute('aria-current')
  }
}

/** @type {View} */
const notFound = async () => ({
  title: 'No such view',
  content: h('p', null, 'This address leads nowhere. ', h('a', { href: '#/' }, 'To the overview')),
})

/** @param {unknown} error @param {() => void} again @returns {Shown} */
function failed(error, again) {
  return {
    title: 'This could not be shown',
    content: h(
      'div',
      { class: 'alert', role: 'alert' },
      h('p', null, explained(error)),
      h('button', { type: 'button', onclick: again }, 'Try again'),
    ),
  }
}
