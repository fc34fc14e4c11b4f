import type { CodecName } from '../compression/codec.ts'
import { type Coded, nameOf, type Way } from '../compression/estimate.ts'
import { savedShareMin } from './recompress.ts'

/**
 * What a report knows of files that are alike in type and size. Measured is a part of them, evenly spread over the order of
 * their keys: every file at first, and every second of those when `measuredFilesMax` are reached, again and again. What was
 * measured before counts half then, so that every file has the same weight at any time.
 */
export interface FileGroup {
  readonly mediaType: string
  readonly sizeClass: number
  files: number
  logicalBytes: number
  storedBytes: number
  /** Files that are kept as they are, by reason. */
  skipped: Record<string, number>
  /** Of those that are not skipped. */
  open: { files: number; logicalBytes: number; storedBytes: number }
  measureEvery: number
  measuredFiles: number
  /** Of the measured ones, weighted. */
  weighed: { files: number; sampledBytes: number; storedBytes: number }
  /** The same, by name of the way. `codedLogicalBytes` leaves out files that the way cannot hold. */
  ways: Record<string, WaySums>
}

export interface WaySums {
  /** What the files would take, those among them that would stay as they are. */
  estimatedBytes: number
  changedFiles: number
  codedBytes: number
  codedLogicalBytes: number
}

const measuredFilesMax = 200
const measuredBytesMax = 64 * 1024 ** 2

export function createGroup(mediaType: string, sizeClass: number): FileGroup {
  return {
    mediaType,
    sizeClass,
    files: 0,
    logicalBytes: 0,
    storedBytes: 0,
    skipped: {},
    open: {
      files: 0,
      logicalBytes: 0,
      storedBytes: 0,
    },
    measureEvery: 1,
    measuredFiles: 0,
    weighed: {
      files: 0,
      sampledBytes: 0,
      storedBytes: 0,
    },
    ways: {},
  }
}

interface FileSize {
  readonly sizeBytes: number
  readonly storedBytes: number
}

function count(group: FileGroup, { sizeBytes, storedBytes }: FileSize): void {
  group.files++
  group.logicalBytes += sizeBytes
  group.storedBytes += storedBytes
}

export function addSkipped(group: FileGroup, file: FileSize, reason: string): void {
  count(group, file)
  group.skipped[reason] = (group.skipped[reason] ?? 0) + 1
}

/** Whether the file that comes next is to be measured. */
export function isMeasuredNext(group: FileGroup): boolean {
  return group.open.files % group.measureEvery === 0
}

export function addUnmeasured(group: FileGroup, file: FileSize): void {
  count(group, file)
  group.open.files++
  group.open.logicalBytes += file.sizeBytes
  group.open.storedBytes += file.storedBytes
}

export interface MeasuredFile extends FileSize {
  readonly codec: CodecName | 'identity'
  readonly level: number
  readonly sampledBytes: number
  /** Of its bucket's policy. */
  readonly minimumGain: number
}

/** `coded` is what each way would make of it; a way that is not in it leaves the file as it is. */
export function addMeasured(
  group: FileGroup,
  file: MeasuredFile,
  of: { ways: readonly Way[]; coded: ReadonlyMap<string, Coded> },
): void {
  addUnmeasured(group, file)
  group.measuredFiles++
  group.weighed.files++
  group.weighed.sampledBytes += file.sampledBytes
  group.weighed.storedBytes += file.storedBytes
  for (const way of of.ways) {
    const name = nameOf(way)
    const sums = (group.ways[name] ??= {
      estimatedBytes: 0,
      changedFiles: 0,
      codedBytes: 0,
      codedLogicalBytes: 0,
    })
    const coded = of.coded.get(name)
    const isChanged = coded !== undefined && isSmaller(file, coded)
    sums.estimatedBytes += isChanged ? coded.bytes : file.storedBytes
    if (isChanged) sums.changedFiles++
    if (!coded) continue
    sums.codedBytes += coded.bytes
    sums.codedLogicalBytes += file.sizeBytes
  }
  if (group.weighed.files >= measuredFilesMax || group.weighed.sampledBytes >= measuredBytesMax)
    thinOut(group)
}

/**
 * By enough for the job that compresses again. What is stored by the same codec, and no weaker, gets no smaller, whatever an
 * estimate says.
 */
function isSmaller(file: MeasuredFile, { codec, level, bytes }: Coded): boolean {
  if (codec === file.codec && level <= file.level) return false
  const share = file.codec === 'identity' ? Math.max(savedShareMin, file.minimumGain) : savedShareMin
  return bytes <= file.storedBytes * (1 - share)
}

function thinOut(group: FileGroup): void {
  group.measureEvery *= 2
  const halve = (sums: Record<string, number>) => {
    for (const name of Object.keys(sums)) sums[name] = (sums[name] as number) / 2
  }
  halve(group.weighed)
  for (const sums of Object.values(group.ways)) halve(sums as unknown as Record<string, number>)
}

export interface Estimate {
  readonly estimatedBytes: number
  readonly changedFiles: number
}

/** What files of a group, measured or not, would take in a way. Never more than now. */
export function estimateGroup(group: FileGroup, name: string): Estimate {
  const { open, weighed, storedBytes } = group
  const sums = group.ways[name]
  if (!sums || weighed.storedBytes === 0) return { estimatedBytes: storedBytes, changedFiles: 0 }
  const share = sums.estimatedBytes / weighed.storedBytes
  return {
    estimatedBytes: storedBytes - open.storedBytes + open.storedBytes * share,
    changedFiles: (open.files * sums.changedFiles) / weighed.files,
  }
}
