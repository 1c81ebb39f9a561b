import { errorOf, StepledgerError } from '../../client/error.ts'

/**
 * Starts a session on the sandbox, without a host product.
 * @param {import('../../client/types.ts').Applicant} applicant
 * @param {string} idempotencyKey the same for a second attempt at the same session
 * @returns {Promise<import('./session-link.js').Credentials>}
 */
export async function begin(applicant, idempotencyKey) {
  const response = await fetch('/onboarding/demo-session', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'Idempotency-Key': idempotencyKey },
    body: JSON.stringify(applicant),
  }).catch((cause) => {
    throw new StepledgerError('No answer', { code: 'unreachable', status: 0, cause })
  })
  if (!response.ok) throw await errorOf(response)
  const { data } = await response.json()
  return { sessionId: data.session_id, token: data.session_token }
}
