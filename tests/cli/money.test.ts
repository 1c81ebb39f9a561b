import { expect, test } from 'vitest'
import { money, moneyChange } from '../../src/cli/money.ts'

/** The pages' modules are plain JavaScript, checked by a configuration of their own. */
const wordsOf = (page: string): Promise<{ money: typeof money }> =>
  import(new URL(`../../src/web/${page}/words.js`, import.meta.url).href)
const [onTheConsole, inTheWizard] = [await wordsOf('console'), await wordsOf('wizard')]

test.each([
  [114_109, 'usd', '$1,141.09'],
  [-5, 'usd', '-$0.05'],
  [29_900, 'EUR', '€299.00'],
  [1500, 'jpy', '¥1,500'],
])('%i of %s is %s on the command line, on the console and in the wizard', (cents, currency, text) => {
  expect([money, onTheConsole.money, inTheWizard.money].map((print) => print(cents, currency))).toEqual([
    text,
    text,
    text,
  ])
})

test('a difference has its sign', () => {
  expect([1600, -1600, 0].map((cents) => moneyChange(cents, 'usd'))).toEqual(['+$16.00', '-$16.00', '$0.00'])
})
