// For Node: from an installed package it reads no TypeScript by itself.
import { stripOwnTypes } from '../strip-types.js'

stripOwnTypes()
export const { claimedTenant, isHousekeepingPath, usageTracking } = await import('./tracking.ts')
