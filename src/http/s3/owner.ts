import type { XmlContent } from './xml-write.ts'

/** A user, as documents name one. Names of people are nobody else's business, so the id is shown as both. */
export function ownerElement(userId: string): XmlContent {
  return { ID: userId, DisplayName: userId }
}
