// For Node: from an installed package it reads no TypeScript by itself. Browsers and bundlers take client.ts.
import { stripOwnTypes } from '../strip-types.js'

stripOwnTypes()
export const { createClient, StepledgerError } = await import('./client.ts')
