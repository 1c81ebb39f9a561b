import { z } from 'zod'
import type { Store } from '../objects/store.ts'

/**
 * What a follower does at an instant of a move: it does what is due by `now` (unix seconds), waits until nothing of it is
 * due or under way, and answers when its next is due (unix seconds, rounded up), or null for never. Nobody waits for it
 * any longer once the signal is aborted.
 */
export type Follower = (now: number, signal: AbortSignal) => Promise<number | null>

export type Followers = {
  /** Calls `follower` at every instant of every move, until the answered function is called. The last of a name stands. */
  follow(name: string, follower: Follower): () => void
  /**
   * Calls a url likewise, by POST of `{now}`, which answers `{next_due}`; its name is the url's origin, as the rest may be
   * secret. The file keeps it, until
   * it refuses the connection: who was there and went away comes by itself again. At an address that answers 404 there is
   * somebody else by now, such as the same service after a restart: it is forgotten, and nobody is missed.
   */
  register(url: string): void
  all(): { name: string; follower: Follower }[]
}

export function openFollowers({ db }: Store): Followers {
  /** By the name or the whole url that it came with. */
  const followers = new Map<string, { name: string; follower: Follower }>()
  const insert = db.prepare('INSERT OR IGNORE INTO followers (url) VALUES (?)')
  const remove = db.prepare('DELETE FROM followers WHERE url = ?')
  const kept = db.prepare<[], string>('SELECT url FROM followers ORDER BY seq').pluck()

  const followUrl = (url: string) => {
    const forget = () => {
      if (followers.get(url)?.follower !== follower) return
      followers.delete(url)
      remove.run(url)
    }
    const follower: Follower = async (now, signal) => {
      try {
        const due = await ask(url, now, signal)
        if (due === 'unknown') forget()
        return due === 'unknown' ? null : due
      } catch (error) {
        if (isRefused(error)) forget()
        throw error
      }
    }
    followers.set(url, { name: new URL(url).origin, follower })
  }
  for (const url of kept.all()) followUrl(url)

  return {
    follow: (name, follower) => {
      followers.set(name, { name, follower })
      return () => {
        if (followers.get(name)?.follower === follower) followers.delete(name)
      }
    },
    register: (url) => {
      insert.run(url)
      followUrl(url)
    },
    all: () => [...followers.values()],
  }
}

const answerShape = z.object({ next_due: z.number().nonnegative().nullable() })

async function ask(url: string, now: number, signal: AbortSignal): Promise<number | null | 'unknown'> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ now }),
    redirect: 'error',
    signal,
  })
  const text = await response.text()
  if (response.status === 404) return 'unknown'
  if (!response.ok) throw new Error(`answered ${response.status}`)
  return answerShape.parse(JSON.parse(text)).next_due
}

/** Nobody listens there, which `fetch` tells in its error's cause. */
function isRefused(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED'
}
