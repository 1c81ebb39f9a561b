import { expect, test } from 'vitest'
import { newKey, PersonalKeys } from '../../src/db/personal-keys.ts'

test('a subject’s key that is remembered keeps no memory but its own', () => {
  const keys = new PersonalKeys([newKey()])
  const key = newKey()
  const unwrapped = keys.unwrap('tenant:a', keys.wrap('tenant:a', key))
  expect(unwrapped).toEqual(key)
  expect(unwrapped.buffer.byteLength).toBe(32)
})
