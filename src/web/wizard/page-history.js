import { pages } from './screen.ts'

/** @typedef {import('./screen.ts').Page} Page */

/**
 * The pages of a session in the browser's history, so that Back goes back a page, and leaves the wizard from the first
 * alone: also where the session was begun elsewhere, for then the pages before are put there.
 * @param {string} sessionId
 */
export function pageHistory(sessionId) {
  const index = () => (history.state?.session === sessionId ? pages.indexOf(history.state.page) : -1)
  /** @param {'pushState' | 'replaceState'} way @param {Page | undefined} page */
  const put = (way, page) => history[way]({ session: sessionId, page }, '')
  return {
    /** That this page is shown now. @param {Page} page */
    shown(page) {
      const to = pages.indexOf(page)
      if (index() === -1) put('replaceState', 'details')
      const from = index()
      if (to < from) put('replaceState', page)
      for (let next = from + 1; next <= to; next += 1) put('pushState', pages[next])
    },
    /** That the visitor wants to see this page, whichever is shown. @param {Page} page */
    goTo: (page) => put('pushState', page),
    /** @param {(page: Page) => void} went @param {AbortSignal} signal */
    follow(went, signal) {
      addEventListener('popstate', () => index() !== -1 && went(history.state.page), { signal })
    },
  }
}
