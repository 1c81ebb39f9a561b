import { defineConfig } from 'vitest/config'

/** `npm run test:stripe`: the same way through onboarding, against Stripe itself with a test key. */
export default defineConfig({
  test: { include: ['tests/**/*.stripe.ts'], testTimeout: 120_000, hookTimeout: 120_000, pool: 'forks' },
})
