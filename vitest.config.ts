import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    globalSetup: ['tests/support/postgres-server.ts', 'tests/support/stripe-types-file.ts'],
    setupFiles: ['tests/support/stripe-judge.ts'],
    // A hang ends here; a machine that is busy with other work makes tests slow, not wrong.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
  },
})
