/**
 * What a follower does at an instant of a move: it does what is due by `now` (unix seconds), waits until nothing of it is
 * due or under way, and answers when its next is due (unix seconds, rounded up), or null for never.
 */
export type Follower = (now: number) => Promise<number | null>

export type Followers = {
  /** Calls `follower` at every instant of every move, until the answered function is called. The last of a name stands. */
  follow(name: string, follower: Follower): () => void
  all(): { name: string; follower: Follower }[]
}

export function createFollowers(): Followers {
  const followers = new Map<string, Follower>()
  return {
    follow: (name, follower) => {
      followers.set(name, follower)
      return () => {
        if (followers.get(name) === follower) followers.delete(name)
      }
    },
    all: () => Array.from(followers, ([name, follower]) => ({ name, follower })),
  }
}
