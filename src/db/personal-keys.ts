import { createHash, randomBytes } from 'node:crypto'
import { derivedKey, seal, unseal } from './seal.ts'

/** A subject's key as it lies in `subject_keys`. `wrapped_by` is the id of the key that opens it. */
type WrappedKey = { wrapped: string; wrapped_by: string }

/**
 * The service's own keys, which only wrap the keys of subjects: the first one wraps, all of them open, so that one can be
 * rolled (PERSONAL_DATA_KEY takes two). Empty: nothing can be sealed or opened, and everything else works.
 */
export class PersonalKeys {
  readonly #keys = new Map<string, Buffer>()
  readonly #changed: (() => readonly Buffer[] | undefined) | undefined
  #first: Buffer | undefined

  /**
   * @param keys 32 bytes each, the newest first
   * @param changed the keys as they are by now, the newest first, where they have changed. Asked before anything is wrapped, so
   *   that nothing is wrapped by a key that was rolled away; and when something was wrapped by a key that is not here
   */
  constructor(keys: readonly Buffer[] = [], changed?: () => readonly Buffer[] | undefined) {
    this.add(...keys)
    this.#changed = changed
  }

  /** The ids of all keys. An id tells nothing of its key. */
  get ids(): string[] {
    return [...this.#keys.keys()]
  }
  /** The id of the key that wraps. @throws NoPersonalKey */
  get newest(): string {
    return keyId(this.#required())
  }
  has(id: string): boolean {
    if (!this.#keys.has(id)) this.#refresh()
    return this.#keys.has(id)
  }
  /** The first of them wraps from now on; those that were here still open. */
  add(...keys: readonly Buffer[]): void {
    this.#first = keys[0] ?? this.#first
    for (const key of keys) this.#keys.set(keyId(key), key)
  }
  /** @throws NoPersonalKey */
  wrap(subject: string, key: Buffer): WrappedKey {
    const first = this.#required()
    return { wrapped: seal(derivedKey(first, 'wrap'), subject, key), wrapped_by: keyId(first) }
  }
  /** @throws NoPersonalKey when none of the keys opens it */
  unwrap(subject: string, { wrapped, wrapped_by }: WrappedKey): Buffer {
    const key = this.has(wrapped_by) ? this.#keys.get(wrapped_by) : undefined
    if (key === undefined) throw new NoPersonalKey(wrapped_by)
    // In memory of its own: thousands are remembered, and a part of Node's pool would keep the 64 KiB around it.
    return Buffer.alloc(keyBytes, unseal(derivedKey(key, 'wrap'), subject, wrapped))
  }
  /** @throws NoPersonalKey */
  #required(): Buffer {
    this.#refresh()
    if (this.#first === undefined) throw new NoPersonalKey()
    return this.#first
  }
  #refresh(): void {
    this.add(...(this.#changed?.() ?? []))
  }
}

/** The service has no key that opens what it has to open. Nothing is lost: with the key it goes on. */
export class NoPersonalKey extends Error {
  constructor(wrappedBy?: string) {
    const which = wrappedBy === undefined ? 'the key' : `the key ${wrappedBy}`
    super(
      `Personal data is sealed by ${which}, which is not here: set PERSONAL_DATA_KEY, or name its file with --personal-key`,
    )
    this.name = 'NoPersonalKey'
  }
}

const keyBytes = 32

export const newKey = (): Buffer => randomBytes(keyBytes)

export const keyId = (key: Buffer): string =>
  createHash('sha256').update('stepledger key id').update(key).digest('hex').slice(0, 16)
