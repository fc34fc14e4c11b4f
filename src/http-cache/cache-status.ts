/** Cache-Status (RFC 9211): one member for each cache on the way, ours the last. */

export type Forwarded = 'bypass' | 'method' | 'uri-miss' | 'vary-miss' | 'request' | 'stale'

export interface CacheStatus {
  readonly hit?: boolean
  readonly fwd?: Forwarded
  readonly fwdStatus?: number
  /** Of the stored response, in seconds; negative when it is stale. */
  readonly ttl?: number
  readonly stored?: boolean
  readonly collapsed?: boolean
  /** A token. */
  readonly detail?: string
}

export function formatCacheStatus(name: string, status: CacheStatus): string {
  const parts = [/^[A-Za-z*][\w:/!#$%&'*+.^`|~-]*$/.test(name) ? name : JSON.stringify(name)]
  // One of them, never both (§2.2): what was validated was forwarded, though the body is ours.
  if (status.fwd) parts.push(`fwd=${status.fwd}`)
  else if (status.hit) parts.push('hit')
  if (status.fwdStatus !== undefined) parts.push(`fwd-status=${status.fwdStatus}`)
  if (status.ttl !== undefined) parts.push(`ttl=${status.ttl}`)
  if (status.stored) parts.push('stored')
  if (status.collapsed) parts.push('collapsed')
  if (status.detail) parts.push(`detail=${status.detail}`)
  return parts.join('; ')
}
