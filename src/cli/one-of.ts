import { InvalidArgumentError } from 'commander'

/** Parses an option's value as one of these words: a typing mistake would find nothing and look like an answer. */
export const oneOf =
  <T extends string>(accepted: readonly T[]) =>
  (value: string): T => {
    const found = accepted.find((word) => word === value)
    if (found === undefined) throw new InvalidArgumentError(`Expected one of ${accepted.join(', ')}.`)
    return found
  }
