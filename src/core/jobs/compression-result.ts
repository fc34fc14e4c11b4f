import type { CodecName } from '../compression/codec.ts'
import { nameOf, type Way, waysFor } from '../compression/estimate.ts'
import { type CompressionPolicy, defaultPolicy } from '../compression/policy.ts'
import { estimateMoney, type Money, type PriceOverrides } from '../compression/prices.ts'
import { type Estimate, estimateGroup, type FileGroup } from './compression-sums.ts'

/** Bytes are estimates wherever the name says so: samples stand for whole files, and files for others. */
export interface CompressionReport {
  readonly totals: ReportTotals
  readonly byType: readonly TypeReport[]
  /** What the whole scope would take if only that way were used, where it makes a file smaller than it is now. */
  readonly byCodec: readonly WayReport[]
  readonly money: Money
  readonly recommended: readonly Recommendation[]
}

export interface ReportTotals {
  readonly files: number
  readonly logicalBytes: number
  readonly storedBytes: number
  /** After compressing again what the job for that would, were nothing `off`. */
  readonly estimatedBytes: number
  readonly savedBytes: number
}

export interface TypeReport extends ReportTotals {
  /** `*` for all that are beyond the number of types that a report tells apart. */
  readonly mediaType: string
  /** The way that leaves least, if any saves something. */
  readonly best: { codec: CodecName; level: number; estimatedBytes: number } | null
  /** Share that is left of the files that were measured, by codec and level. */
  readonly codecs: Readonly<Record<string, number>>
  readonly measuredFiles: number
  readonly skipped: Readonly<Record<string, number>>
}

export interface WayReport extends Way {
  readonly estimatedBytes: number
  readonly savedBytes: number
  /** Share that it leaves of the plaintext of files that were measured; null where there is none that it can hold. */
  readonly ratio: number | null
}

export interface Recommendation {
  /** Null: for all buckets of the report. */
  readonly bucket: string | null
  /** As the API takes it. */
  readonly compression: Partial<CompressionPolicy>
  /** Of uploads that are like the files there are. */
  readonly estimatedBytes: number
  readonly savedBytes: number
  readonly reason: string
}

/** A codec and a level, as against `auto`. */
type FixedWay = Way & { codec: CodecName; level: number }

const uploads: Way = { codec: 'auto', level: null, strength: 'ratio' }
const again: Way = { codec: 'auto', level: null, strength: 'strong' }

export function makeReport(
  groups: readonly FileGroup[],
  of: { bucket: string | undefined; available: ReadonlySet<CodecName>; prices: PriceOverrides | undefined },
): CompressionReport {
  const ways = waysFor(of.available)
  const totals = totalsOf(groups)
  const byType = [...Map.groupBy(groups, ({ mediaType }) => mediaType)]
    .map(([mediaType, alike]) => reportType(mediaType, alike, ways))
    .toSorted((a, b) => b.savedBytes - a.savedBytes || b.storedBytes - a.storedBytes)
  const byCodec = ways.map((way) => {
    const { estimatedBytes } = estimate(groups, way)
    const savedBytes = totals.storedBytes - estimatedBytes
    return { ...way, estimatedBytes, savedBytes, ratio: shareLeft(groups, way) }
  })
  const { changedFiles } = estimate(groups, again)
  return {
    totals,
    byType,
    byCodec,
    money: estimateMoney({ savedBytes: totals.savedBytes, changedFiles }, of.prices),
    recommended: recommend(of.bucket ?? null, { totals, byType, byCodec }),
  }
}

function estimate(groups: readonly FileGroup[], way: Way): Estimate {
  const sum = { estimatedBytes: 0, changedFiles: 0 }
  for (const group of groups) {
    const { estimatedBytes, changedFiles } = estimateGroup(group, nameOf(way))
    sum.estimatedBytes += estimatedBytes
    sum.changedFiles += changedFiles
  }
  return { estimatedBytes: Math.round(sum.estimatedBytes), changedFiles: Math.round(sum.changedFiles) }
}

function totalsOf(groups: readonly FileGroup[]): ReportTotals {
  const sum = { files: 0, logicalBytes: 0, storedBytes: 0 }
  for (const { files, logicalBytes, storedBytes } of groups) {
    sum.files += files
    sum.logicalBytes += logicalBytes
    sum.storedBytes += storedBytes
  }
  const { estimatedBytes } = estimate(groups, again)
  return { ...sum, estimatedBytes, savedBytes: sum.storedBytes - estimatedBytes }
}

function reportType(mediaType: string, groups: readonly FileGroup[], ways: readonly Way[]): TypeReport {
  const totals = totalsOf(groups)
  const fixed = ways.filter((way): way is FixedWay => way.level !== null)
  const [best] = fixed
    .map(({ codec, level, ...way }) => ({
      codec,
      level,
      estimatedBytes: estimate(groups, {
        codec,
        level,
        ...way,
      }).estimatedBytes,
    }))
    .toSorted((a, b) => a.estimatedBytes - b.estimatedBytes)
  const skipped: Record<string, number> = {}
  for (const group of groups) {
    for (const [reason, files] of Object.entries(group.skipped))
      skipped[reason] = (skipped[reason] ?? 0) + files
  }
  return {
    mediaType,
    ...totals,
    best: best && best.estimatedBytes < totals.storedBytes ? best : null,
    codecs: Object.fromEntries(
      fixed.flatMap((way) => {
        const share = shareLeft(groups, way)
        return share === null ? [] : [[nameOf(way), share]]
      }),
    ),
    measuredFiles: groups.reduce((sum, group) => sum + group.measuredFiles, 0),
    skipped,
  }
}

/** Of the plaintext; each group counts with all its files. Null where none was measured. */
function shareLeft(groups: readonly FileGroup[], way: Way): number | null {
  let codedBytes = 0
  let logicalBytes = 0
  for (const { ways, open } of groups) {
    const sums = ways[nameOf(way)]
    if (!sums?.codedLogicalBytes) continue
    codedBytes += open.logicalBytes * (sums.codedBytes / sums.codedLogicalBytes)
    logicalBytes += open.logicalBytes
  }
  return logicalBytes === 0 ? null : Number((codedBytes / logicalBytes).toFixed(4))
}

/** Below this share of what is stored, a change is not worth the work. */
const worthwhileShare = 0.01
/** Files of a type that must have been measured before it is called incompressible. */
const measuredFilesMin = 5

function recommend(
  bucket: string | null,
  of: Pick<CompressionReport, 'totals' | 'byType' | 'byCodec'>,
): Recommendation[] {
  const { totals, byType, byCodec } = of
  if (totals.storedBytes === 0) return []
  const atUpload = byCodec.find((way) => nameOf(way) === nameOf(uploads))
  if (!atUpload) return []
  const { estimatedBytes, savedBytes } = atUpload
  // What the table of auto leaves out: where one codec does better at the speed of an upload.
  const [rival] = byCodec
    .filter((way) => way.codec !== 'auto' && way.strength === 'ratio')
    .toSorted((a, b) => a.estimatedBytes - b.estimatedBytes)
  const isRivalBetter =
    rival !== undefined && estimatedBytes - rival.estimatedBytes > totals.storedBytes * 0.05
  const chosen = isRivalBetter ? rival : atUpload
  if (Math.max(chosen.savedBytes, totals.savedBytes) < totals.storedBytes * worthwhileShare) {
    const reason =
      'Less than 1 % could be saved (estimate): these files are stored as small as they get, or cannot be compressed.'
    return [{ bucket, compression: { mode: 'auto' }, estimatedBytes, savedBytes, reason }]
  }
  const denyTypes = byType.filter(isIncompressible).map(({ mediaType }) => mediaType)
  const mode = chosen.codec
  const level = chosen.level ?? undefined
  return [
    {
      bucket,
      compression: {
        mode,
        ...(level !== undefined && { level }),
        ...(denyTypes.length > 0 && { denyTypes }),
      },
      estimatedBytes: chosen.estimatedBytes,
      savedBytes: chosen.savedBytes,
      reason: [
        mode === 'auto'
          ? 'The table of auto is within 5 % of the best single codec for uploads (estimate).'
          : `For these files ${mode} leaves at least 5 % less than auto does (estimate).`,
        denyTypes.length > 0 && 'The types that are denied did not get smaller and need not be tried.',
        chosen.estimatedBytes - totals.estimatedBytes >= totals.storedBytes * worthwhileShare &&
          'The strong levels are too slow for uploads: recompressing brings files there in the background.',
      ]
        .filter(Boolean)
        .join(' '),
    },
  ]
}

/** Every codec left more than the default asks for, of files enough. */
function isIncompressible({ mediaType, codecs, measuredFiles }: TypeReport): boolean {
  const shares = Object.values(codecs)
  return (
    mediaType.includes('/') &&
    measuredFiles >= measuredFilesMin &&
    shares.length > 0 &&
    shares.every((share) => share > 1 - defaultPolicy.minimumGain)
  )
}
