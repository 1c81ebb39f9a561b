import type { Context } from 'hono'
import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import type { CookieOptions } from 'hono/utils/cookie'
import type { Config } from '../config.ts'
import type { Env } from './env.ts'

/** The cookie of a console login: no script reads it, no other site sends it, and over https nobody else sets it. */
export function loginCookie({ publicUrl }: Pick<Config, 'publicUrl'>) {
  const isSecure = new URL(publicUrl).protocol === 'https:'
  const name = isSecure ? '__Host-stepledger_console' : 'stepledger_console'
  const attributes: CookieOptions = { path: '/', httpOnly: true, sameSite: 'Strict', secure: isSecure }
  return {
    read(c: Context<Env>): string | undefined {
      const token = getCookie(c, name)
      return token === undefined || token.length > 512 ? undefined : token
    },
    set: (c: Context<Env>, token: string, expiresAt: string) =>
      setCookie(c, name, token, { ...attributes, expires: new Date(expiresAt) }),
    clear: (c: Context<Env>) => deleteCookie(c, name, attributes),
  }
}
