import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    globalSetup: ['tests/support/postgres-server.ts', 'tests/support/stripe-types-file.ts'],
    setupFiles: ['tests/support/stripe-judge.ts', 'tests/support/impatient-stripe.ts'],
    // A hang ends here; a machine that is busy with other work makes tests slow, not wrong.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    // Vitest leaves one core idle; the tests wait for disks, processes and browsers often enough.
    maxWorkers: '100%',
    // A worker loads the service once, not once per file: no test file changes a module, or keeps anything in one.
    isolate: false,
  },
})
