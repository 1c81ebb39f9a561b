import { invalidRequest, missing, noSuch } from '../objects/errors.ts'
import type { Call } from '../objects/routes.ts'

/** A browser proves by the client secret that the intent is its own; a server that sends one must be right too. */
export function checkClientSecret(
  call: Call<{ client_secret?: string | undefined }>,
  intent: { id: string; object: string; client_secret: string | null },
): void {
  const given = call.params.client_secret
  if (given === undefined && call.fromBrowser) throw missing('client_secret')
  if (given === undefined || given === intent.client_secret) return
  if (!given.startsWith(`${intent.id}_secret_`)) throw noSuch(intent.object, intent.id)
  throw invalidRequest(
    `The client_secret provided does not match the client_secret associated with this ${intent.object}.`,
    { param: 'client_secret' },
  )
}
