import { describe, expect, test } from 'vitest'
import { decideUsage, UsageInput, type UsageKnown } from '../../src/usage/record.ts'
import { refusalOf } from '../support/outcome.ts'

describe('given what is known, when usage is to be recorded', () => {
  const draft = (key: string, content = 'one', tenant_id = 'tenant_a') => ({
    ...{ fact_id: key, tenant_id, data: { record_id: `${key}-${content}` } },
  })
  type Draft = ReturnType<typeof draft>
  const inLog = (...drafts: Draft[]) => new Map(drafts.map((each) => [each.fact_id, each]))
  const decided = (recorded: UsageKnown['recorded'], drafts: Draft[]) => {
    const known = { tenants: new Set(['tenant_a', 'tenant_b']), recorded }
    try {
      return decideUsage(known, drafts, (index, field) => `${index}.${field}`)
    } catch (error) {
      return refusalOf(error)
    }
  }
  const refused = (code: string, ...paths: string[]) => ({
    refused: code,
    details: { fields: paths.map((path) => ({ path, message: expect.any(String) })) },
    isPassing: false,
  })

  test.each<[string, Draft[], Draft[], unknown]>([
    ['all that is new', [], [draft('a'), draft('b')], [draft('a'), draft('b')]],
    ['once what stands twice in a batch', [], [draft('a'), draft('a')], [draft('a')]],
    ['nothing that is in the log', [draft('a')], [draft('a'), draft('b')], [draft('b')]],
    [
      'other content under a key: none',
      [draft('a', 'other')],
      [draft('b'), draft('a')],
      refused('idempotency_mismatch', '1.idempotency_key'),
    ],
    [
      'a batch that contradicts itself: none',
      [],
      [draft('a'), draft('b'), draft('a', 'other')],
      refused('idempotency_mismatch', '2.idempotency_key'),
    ],
    [
      'each record against the log rather than against its batch',
      [draft('a', 'first')],
      [draft('a'), draft('a', 'first')],
      refused('idempotency_mismatch', '0.idempotency_key'),
    ],
    [
      'unknown tenants: none, and each is named',
      [],
      [draft('a'), draft('b', 'one', 'x'), draft('c', 'one', 'y')],
      refused('not_found', '1.tenant_id', '2.tenant_id'),
    ],
    [
      'an unknown tenant before a key that was used',
      [draft('a', 'other')],
      [draft('a'), draft('b', 'one', 'x')],
      refused('not_found', '1.tenant_id'),
    ],
  ])('then: %s', (_then, recorded, drafts, outcome) => {
    expect(decided(inLog(...recorded), drafts)).toEqual(
      Array.isArray(outcome) ? outcome : expect.objectContaining(outcome as object),
    )
  })
})

describe('usage as a caller reports it', () => {
  const input = UsageInput(() => new Date('2026-03-15T12:00:00.000Z'))
  const usage = { tenant_id: 'tenant_a', usage_type: 'case', quantity: 1 }
  test.each<[string, object]>([
    ...[0, -1, 1.5, '1', null, 1_000_000_001, 2 ** 53 - 1, 2 ** 53, Number.POSITIVE_INFINITY].map(
      (quantity): [string, object] => ['quantity', { quantity }],
    ),
    ['quantity', { usage_type: 'agent', quantity: 1_000_001 }],
    ['quantity', { usage_type: 'user', quantity: 1_000_001, action: 'set' }],
    ['quantity', { quantity: -1, action: 'set' }],
    ['quantity', { quantity: 1_000_000_001, action: 'set' }],
    ['usage_type', { usage_type: 'seats' }],
    ['action', { action: 'decrement' }],
    ['occurred_at', { occurred_at: '2026-03-15T12:05:00.001Z' }],
    ['occurred_at', { occurred_at: '2026-02-08T11:59:59.999Z' }],
    ['occurred_at', { occurred_at: 'yesterday' }],
  ])('its %s is refused: %o', (path, more) => {
    const { error } = input.safeParse({ ...usage, ...more })
    expect(new Set(error?.issues.map((issue) => issue.path.join('.')))).toEqual(new Set([path]))
  })

  test.each([
    { quantity: 1_000_000_000 },
    { quantity: 0, action: 'set' },
    { usage_type: 'agent', quantity: 1_000_000 },
    { usage_type: 'user', quantity: 0, action: 'set' },
    { occurred_at: '2026-03-15T12:05:00.000Z' },
    { occurred_at: '2026-02-08T12:00:00.000Z' },
  ])('what is just within the bounds is taken: %o', (more) => {
    expect(input.safeParse({ ...usage, ...more })).toMatchObject({ success: true })
  })
})
