import type { Directives } from './cache-control.ts'
import type { HttpCacheContext } from './cache.ts'
import type { Entries, Place } from './entries.ts'
import type { Policy, PolicyOptions } from './freshness.ts'
import type { Origin } from './origin.ts'
import type { SharedBody } from './shared-body.ts'
import type { StorableOptions } from './storable.ts'
import type { StoredResponse } from './store.ts'

/** What the parts of one cache share. */
export interface Shared {
  readonly clock: () => number
  readonly name: string
  readonly rules: PolicyOptions
  readonly storable: StorableOptions
  readonly entryBytesMax: number
  readonly collapseTimeoutMs: number
  readonly originTimeoutMs: number
  readonly entries: Entries
  readonly flights: Map<string, Flight>
  readonly onError: (error: unknown) => void
  readonly background: (work: Promise<unknown>, context: HttpCacheContext) => void
  readonly invalidate: (url: string) => Promise<void>
}

/** One request on its way through the cache. */
export interface Call {
  readonly request: Request
  readonly origin: Origin
  readonly context: HttpCacheContext
  readonly place: Place
  readonly asked: Directives
  /** Stored, but not usable without the origin. */
  readonly entry: StoredResponse | undefined
}

export interface Loaded {
  readonly head: {
    readonly status: number
    readonly statusText: string
    readonly headers: Headers
    readonly requestMs: number
    readonly responseMs: number
  }
  readonly shared: SharedBody
  readonly lengthBytes: number | undefined
  readonly selecting: StoredResponse['selecting']
  readonly policy: Policy
}

export type Landed =
  | { readonly entry: StoredResponse; readonly loaded?: undefined }
  | { readonly loaded: Loaded; readonly entry?: undefined }

/** A request to the origin that others wait for; undefined when its result is for nobody else. */
export interface Flight {
  readonly key: string
  readonly place: Place
  readonly landed: PromiseWithResolvers<Landed | undefined>
}
