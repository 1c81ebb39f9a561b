/** @typedef {{ sessionId: string, token: string }} Credentials */

const name = 'stepledger-onboarding'

/**
 * The session of a link `/onboarding#session=…&token=…`. The token leaves the address bar and the history at once; a
 * fragment never reaches a server.
 * @returns {Credentials | undefined}
 */
export function takeFromAddress() {
  const given = new URLSearchParams(location.hash.slice(1))
  const [sessionId, token] = [given.get('session'), given.get('token')]
  if (!sessionId || !token) return undefined
  history.replaceState(null, '', location.pathname)
  return { sessionId, token }
}

/** @param {Credentials} credentials */
export function linkOf({ sessionId, token }) {
  return `${location.origin}${location.pathname}#${new URLSearchParams({ session: sessionId, token })}`
}

/**
 * Kept for reloads and other tabs; of a session that is over, for reloads of this tab alone.
 * @param {Credentials} credentials
 * @param {{ isOver?: boolean }} [about]
 */
export function keep(credentials, { isOver = false } = {}) {
  forget()
  attempt(() => (isOver ? sessionStorage : localStorage).setItem(name, JSON.stringify(credentials)))
}

/** @returns {Credentials | undefined} */
export function kept() {
  return attempt(() => {
    const { sessionId, token } = JSON.parse(
      sessionStorage.getItem(name) ?? localStorage.getItem(name) ?? '{}',
    )
    return typeof sessionId === 'string' && typeof token === 'string' ? { sessionId, token } : undefined
  })
}

export function forget() {
  attempt(() => {
    localStorage.removeItem(name)
    sessionStorage.removeItem(name)
  })
}

/**
 * Browsers may forbid storage: then a reload starts from the link again.
 * @template T
 * @param {() => T} work
 */
function attempt(work) {
  try {
    return work()
  } catch {
    return undefined
  }
}
