import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { extname } from 'node:path'
import { createMiddleware } from 'hono/factory'
import type { Env } from '../http/env.ts'

/** What a page may load beside its own files, by directive: origins, or keywords such as `data:`. */
export type Allowed = Partial<
  Record<'script-src' | 'style-src' | 'img-src' | 'connect-src' | 'frame-src' | 'frame-ancestors', string[]>
>

/**
 * Headers of a page and of everything that belongs to it: nothing inline, nothing from elsewhere but `allowed`, in no
 * site's frame but those of `frame-ancestors`, and no address of ours told to anyone.
 */
export function pageHeaders(allowed: Allowed = {}) {
  const policy = contentPolicy(allowed)
  return createMiddleware<Env>(async (c, next) => {
    await next()
    c.header('Content-Security-Policy', policy)
    c.header('X-Content-Type-Options', 'nosniff')
    c.header('Referrer-Policy', 'no-referrer')
    c.header('Cross-Origin-Resource-Policy', 'same-origin')
  })
}

/**
 * One file, read at its first request and kept. Revalidated by ETag on each use, so that a new release is seen at once.
 * A `.ts` file is served as the JavaScript that is left without its types: it may import nothing but types and files
 * that are served beside it.
 * @throws at the request, when the file is not there
 */
export function serveFile(file: URL) {
  let read: { body: Uint8Array<ArrayBuffer>; etag: string } | undefined
  const type = contentTypes[extname(file.pathname)]
  if (type === undefined) throw new Error(`no content type for ${file.pathname}`)
  return createMiddleware<Env>(async (c) => {
    read ??= readAs(type, file)
    c.header('ETag', read.etag)
    c.header('Cache-Control', 'no-cache')
    if (c.req.header('If-None-Match')?.includes(read.etag)) return c.body(null, 304)
    return c.body(read.body, 200, { 'Content-Type': type })
  })
}

function contentPolicy(allowed: Allowed): string {
  const own = { 'script-src': "'self'", 'style-src': "'self'", 'img-src': "'self'", 'connect-src': "'self'" }
  const lists = Object.entries({ ...own, ...(allowed['frame-src'] && { 'frame-src': '' }) }).map(
    ([directive, base]) =>
      [directive, base, ...(allowed[directive as keyof Allowed] ?? [])].filter(Boolean).join(' '),
  )
  return [
    "default-src 'none'",
    ...lists,
    "base-uri 'none'",
    "form-action 'self'",
    ['frame-ancestors', ...(allowed['frame-ancestors'] ?? ["'none'"])].join(' '),
  ].join('; ')
}

function readAs(type: string, file: URL) {
  const bytes = readFileSync(file)
  const body = Uint8Array.from(file.pathname.endsWith('.ts') ? Buffer.from(withoutTypes(`${bytes}`)) : bytes)
  return { body, etag: `"${createHash('sha256').update(type).update(body).digest('base64url')}"` }
}

/** Node says that stripping by function is experimental; it is how Node runs this very file. */
function withoutTypes(source: string): string {
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    return stripTypeScriptTypes(source)
  } finally {
    process.emitWarning = emitWarning
  }
}

const contentTypes: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.ts': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
}
