import type { Metadata } from './facts.ts'

/** Who asks, as it goes in the metadata of the facts. */
export type By = { actor: string; requestId?: string | undefined }

/** Who asks and how far that reaches: `tenantId` and `sessionId` are null where the key is good for all. */
export type Caller = By & { tenantId: string | null; sessionId: string | null }

export const metadataOf = ({ actor, requestId }: By, more: Partial<Metadata> = {}): Metadata => ({
  actor,
  ...(requestId === undefined ? {} : { request_id: requestId }),
  ...more,
})
