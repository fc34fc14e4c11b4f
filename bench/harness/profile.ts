import { readFileSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The part of a V8 CPU profile (`node --cpu-prof`) that is read here. */
interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

export interface SelfTime {
  /** `function file:line`, or V8's own names such as `(garbage collector)`. */
  readonly place: string
  /** Share of the time in which the process was not idle. */
  readonly share: number
}

export interface ThreadProfile {
  /** 0 is the main thread. */
  readonly thread: number
  /** Milliseconds in which it was not idle. */
  readonly busyMs: number
  readonly top: readonly SelfTime[]
}

/** For each thread that left a profile in a folder, the functions that themselves took most of its time. */
export function readProfiles(folder: string, count: number): ThreadProfile[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.cpuprofile'))
    .map((name) => {
      // CPU.<date>.<time>.<process>.<thread>.<number>.cpuprofile
      const thread = Number(name.split('.')[4])
      const profile = JSON.parse(readFileSync(join(folder, name), 'utf8')) as CpuProfile
      return { thread, ...selfTimes(profile, count) }
    })
    .toSorted((a, b) => a.thread - b.thread)
}

function selfTimes(profile: CpuProfile, count: number): Omit<ThreadProfile, 'thread'> {
  const places = new Map(profile.nodes.map((node) => [node.id, placeOf(node.callFrame)]))
  const micros = new Map<string, number>()
  let busy = 0
  for (const [index, id] of profile.samples.entries()) {
    const place = places.get(id)!
    if (place === '(idle)') continue
    const delta = profile.timeDeltas[index]!
    micros.set(place, (micros.get(place) ?? 0) + delta)
    busy += delta
  }
  const top = [...micros]
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, count)
    .map(([place, time]) => ({ place, share: time / busy }))
  return { busyMs: busy / 1000, top }
}

function placeOf(frame: CpuProfile['nodes'][number]['callFrame']): string {
  const name = frame.functionName || '(anonymous)'
  if (frame.url === '') return name
  const path = frame.url.startsWith('file:') ? fileURLToPath(frame.url) : frame.url
  const short = path.includes('/src/') ? path.slice(path.lastIndexOf('/src/') + 1) : basename(path)
  return `${name} ${short}:${frame.lineNumber + 1}`
}
