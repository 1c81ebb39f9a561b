import { createHash } from 'node:crypto'
import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type Stripe from 'stripe'
import { type WebSocket, WebSocketServer } from 'ws'
import { newId } from '../objects/ids.ts'
import { apiVersion } from '../objects/turn.ts'
import { sign } from './webhooks.ts'

export type CliSessions = {
  /** What `POST /v1/stripecli/sessions` answers to `stripe listen`. */
  open(deviceName: string): object
  /** Sends an event to every listener that is connected; who is away misses it. */
  send(event: Stripe.Event): void
  close(): void
}

const path = '/v1/stripecli/socket'

/**
 * Takes the WebSockets of `stripe listen` on the server that also has the API.
 * @param options.secret what forwarded events are signed with: the receiver's own, so that it need not be configured.
 * Default: one for each device.
 */
export function createCliSessions(
  server: Server,
  options: { url: () => string; clock: () => number; secret?: string | undefined },
): CliSessions {
  const sockets = new WebSocketServer({ noServer: true })
  const secrets = new Map<string, string>()
  const listeners = new Map<WebSocket, string>()

  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const secret = secrets.get(String(request.headers['websocket-id']))
    if (!request.url?.startsWith(path) || secret === undefined) {
      // These words make the CLI open a new session, as after a restart of the sandbox.
      const body = JSON.stringify({ error: { message: 'Unknown WebSocket ID.' } })
      socket.end(
        `HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
      )
      return
    }
    sockets.handleUpgrade(request, socket, head, (listener) => {
      listeners.set(listener, secret)
      listener.on('close', () => listeners.delete(listener))
      // Without a listener for it, an error of one socket would end the process; 'close' follows.
      listener.on('error', () => listener.terminate())
    })
  })

  return {
    open: (deviceName) => {
      const id = newId('cliws')
      // The same device gets the same secret, so a configured receiver survives restarts of the CLI.
      const secret = options.secret ?? `whsec_${createHash('sha256').update(deviceName).digest('hex')}`
      secrets.set(id, secret)
      return {
        websocket_id: id,
        websocket_url: `${options.url().replace(/^http/, 'ws')}${path}`,
        websocket_authorized_feature: 'webhooks',
        secret,
        default_version: apiVersion,
        latest_version: apiVersion,
        reconnect_delay: 600,
        display_connect_filter_warning: false,
      }
    },
    send: (event) => {
      const payload = JSON.stringify(event, null, 2)
      for (const [listener, secret] of listeners) {
        // Once for the account's default version and once for `--latest`: the CLI drops the one it did not ask for.
        for (const version of [null, apiVersion]) {
          listener.send(
            JSON.stringify({
              type: 'webhook_event',
              webhook_id: newId('wh'),
              webhook_conversation_id: newId('wc'),
              endpoint: { api_version: version },
              event_payload: payload,
              http_headers: {
                'Content-Type': 'application/json; charset=utf-8',
                'User-Agent': 'Stripe/1.0 (+https://stripe.com/docs/webhooks)',
                'Stripe-Signature': sign(payload, secret, options.clock()),
              },
            }),
          )
        }
      }
    },
    close: () => {
      for (const listener of listeners.keys()) listener.terminate()
      sockets.close()
    },
  }
}
