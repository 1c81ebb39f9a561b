/** A webhook endpoint that checks the signature and answers: what nobody can do less than. */
import { Hono } from 'hono'
import Stripe from 'stripe'
import { listen } from './front.ts'

const stripe = new Stripe('sk_test_of_the_benchmark')
const app = new Hono()
app.post('/api/v1/billing/webhooks', async (c) => {
  const signature = c.req.header('stripe-signature') ?? ''
  await stripe.webhooks.constructEventAsync(await c.req.text(), signature, String(process.env.SECRET))
  return c.json({ received: true })
})
listen(app)
