import { InvalidArgumentError } from 'commander'

/** Parses an option's value as a whole number from 0 to `max`. */
export const whole =
  (what: string, max = Number.MAX_SAFE_INTEGER) =>
  (value: string): number => {
    if (!/^\d{1,16}$/.test(value) || Number(value) > max)
      throw new InvalidArgumentError(`Expected ${what}: a whole number from 0 to ${max}.`)
    return Number(value)
  }
