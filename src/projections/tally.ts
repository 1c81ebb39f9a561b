/** Counts all, and keeps the first thousand to show: a report fits in memory whatever has happened. */
export class Tally<T> {
  readonly first: T[] = []
  #count = 0

  get count(): number {
    return this.#count
  }

  add(...all: readonly T[]): void {
    this.#count += all.length
    this.first.push(...all.slice(0, mostShown - this.first.length))
  }

  addAll({ first, count }: Pick<Tally<T>, 'first' | 'count'>): void {
    this.add(...first)
    this.#count += count - first.length
  }
}

const mostShown = 1000
