/** What is metered. Levels stand until they change, counts add up, the fee is a month's. */
export const levels = ['agent', 'user'] as const
export const counts = ['case', 'event_ingestion', 'api_call'] as const
export const usageTypes = [...levels, ...counts, 'platform_base'] as const
export type UsageType = (typeof usageTypes)[number]

export const isLevel = (type: string) => levels.some((level) => level === type)
export const isCount = (type: string) => counts.some((count) => count === type)
