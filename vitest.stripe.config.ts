import { defineConfig } from 'vitest/config'

if (!/^(sk|rk)_test_\S+$/.test(process.env.STRIPE_SECRET_KEY ?? '')) {
  console.error(
    'npm run test:stripe needs a test key of a Stripe account: STRIPE_SECRET_KEY=sk_test_… npm run test:stripe',
  )
  process.exit(1)
}

/** `npm run test:stripe`: the same way through onboarding, against Stripe itself with a test key. */
export default defineConfig({
  test: { include: ['tests/**/*.stripe.ts'], testTimeout: 120_000, hookTimeout: 120_000, pool: 'forks' },
})
