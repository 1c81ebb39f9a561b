import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

/**
 * AES-256-GCM with a random nonce: base64 of nonce (12 bytes), ciphertext and tag (16).
 * @param key 32 bytes
 * @param purpose authenticated with the text and not kept: what was sealed for one purpose opens for no other
 */
export function seal(key: Buffer, purpose: string, text: string | Buffer): string {
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(purpose))
  return Buffer.concat([nonce, cipher.update(text), cipher.final(), cipher.getAuthTag()]).toString('base64')
}

/** @throws when the key or the purpose is another one, or the text was changed */
export function unseal(key: Buffer, purpose: string, sealed: string): Buffer {
  const bytes = Buffer.from(sealed, 'base64')
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, nonceBytes))
  decipher.setAAD(Buffer.from(purpose)).setAuthTag(bytes.subarray(-tagBytes))
  return Buffer.concat([decipher.update(bytes.subarray(nonceBytes, -tagBytes)), decipher.final()])
}

/** A key of its own for one use, from the same 32 bytes. */
export const derivedKey = (key: Buffer, use: string): Buffer =>
  Buffer.from(hkdfSync('sha256', key, '', `stepledger ${use}`, 32))

const nonceBytes = 12
const tagBytes = 16
