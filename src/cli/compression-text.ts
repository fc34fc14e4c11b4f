import { type Column, formatBytes, formatTable } from './output.ts'

/** What the API says of compression, for people. */

interface Totals {
  readonly files: number
  readonly logicalBytes: number
  readonly storedBytes: number
  readonly savedBytes: number
}

export interface Report {
  readonly totals: Totals & { readonly estimatedBytes: number }
  readonly byType: readonly (Totals & {
    mediaType: string
    estimatedBytes: number
    best: { codec: string; level: number } | null
    measuredFiles: number
    skipped: Readonly<Record<string, number>>
  })[]
  readonly byCodec: readonly {
    codec: string
    level: number | null
    strength: string
    estimatedBytes: number
    savedBytes: number
    ratio: number | null
  }[]
  readonly money: {
    readonly storageUsdPerGbMonth: number
    readonly savedUsdPerMonth: number
    readonly operationsUsd: number
    readonly netUsdFirstMonth: number
    readonly breakEvenDays: number | null
  }
  readonly recommended: readonly { bucket: string | null; compression: object; reason: string }[]
}

type Row<K extends keyof Report> = Report[K] extends readonly (infer R)[] ? R : never

const percent = (part: number, whole: number) =>
  whole === 0 ? '-' : `${((part / whole) * 100).toFixed(1)} %`

const bytesColumn = (title: string, bytes: (row: never) => number): Column => ({
  title,
  align: 'right' as const,
  text: (row: never) => formatSigned(bytes(row)),
})

/** What was saved may be below zero. */
function formatSigned(bytes: number): string {
  return bytes < 0 ? `-${formatBytes(-bytes)}` : formatBytes(bytes)
}

const countColumn = (title: string, count: (row: never) => number): Column => ({
  title,
  align: 'right' as const,
  text: (row: never) => String(count(row)),
})

const typeColumns: readonly Column[] = [
  countColumn('FILES', ({ files }: Row<'byType'>) => files),
  countColumn('MEASURED', ({ measuredFiles }: Row<'byType'>) => measuredFiles),
  bytesColumn('SIZE', ({ logicalBytes }: Row<'byType'>) => logicalBytes),
  bytesColumn('STORED', ({ storedBytes }: Row<'byType'>) => storedBytes),
  bytesColumn('AFTER', ({ estimatedBytes }: Row<'byType'>) => estimatedBytes),
  bytesColumn('SAVED', ({ savedBytes }: Row<'byType'>) => savedBytes),
  { title: 'BEST', text: ({ best }: Row<'byType'>) => (best ? `${best.codec}-${best.level}` : '-') },
  { title: 'LEFT AS IT IS', text: ({ skipped }: Row<'byType'>) => reasons(skipped) },
  { title: 'TYPE', text: ({ mediaType }: Row<'byType'>) => mediaType || '-' },
]

function reasons(skipped: Readonly<Record<string, number>>): string {
  const parts = Object.entries(skipped).map(([reason, files]) => `${files} ${reason}`)
  return parts.length === 0 ? '-' : parts.join(', ')
}

const codecColumns: readonly Column[] = [
  bytesColumn('AFTER', ({ estimatedBytes }: Row<'byCodec'>) => estimatedBytes),
  bytesColumn('SAVED', ({ savedBytes }: Row<'byCodec'>) => savedBytes),
  {
    title: 'OF SIZE',
    align: 'right' as const,
    text: ({ ratio }: Row<'byCodec'>) => (ratio === null ? '-' : `${(ratio * 100).toFixed(1)} %`),
  },
  {
    title: 'WITH THIS ALONE',
    text: ({ codec, level, strength }: Row<'byCodec'>) =>
      codec === 'auto'
        ? `auto, ${strength === 'strong' ? 'recompressed' : 'as at upload'}`
        : `${codec}, level ${level}`,
  },
]

export function describeReport(report: Report): string[] {
  const { totals, byType, byCodec, money, recommended } = report
  if (totals.files === 0) return ['There are no files here.']
  const { files, storedBytes, estimatedBytes, savedBytes } = totals
  return [
    'Estimates, out of samples. Nothing was written.',
    '',
    ...formatTable(typeColumns, byType),
    '',
    ...formatTable(codecColumns, byCodec),
    '',
    `${files} files: ${formatBytes(storedBytes)} now, ${formatBytes(estimatedBytes)} after \`compress\`; saves ` +
      `${formatBytes(savedBytes)} (${percent(savedBytes, storedBytes)}).`,
    ...describeMoney(money),
    ...recommended.flatMap(({ bucket, compression, reason }) => [
      '',
      `Recommended for ${bucket ?? 'these buckets'}: ${JSON.stringify(compression)}`,
      reason,
    ]),
  ]
}

function describeMoney(money: Report['money']): string[] {
  const { storageUsdPerGbMonth, savedUsdPerMonth, operationsUsd, netUsdFirstMonth, breakEvenDays } = money
  const paid =
    breakEvenDays === null
      ? 'it never pays'
      : breakEvenDays === 0
        ? 'it pays at once'
        : `it has paid after ${formatDays(breakEvenDays)}`
  return [
    `At ${storageUsdPerGbMonth} USD per GB and month: saves ${usd(savedUsdPerMonth)} a month, costs ` +
      `${usd(operationsUsd)} once in operations; ${usd(netUsdFirstMonth)} in the first month, ${paid}.`,
  ]
}

function usd(amount: number): string {
  if (amount === 0) return '0 USD'
  const digits = Math.abs(amount) >= 1 ? amount.toFixed(2) : amount.toPrecision(2)
  // Not 1.5e-7.
  return `${Math.abs(amount) < 1e-6 ? amount.toFixed(8) : digits} USD`
}

function formatDays(days: number): string {
  return days < 1 ? 'less than a day' : `${Math.ceil(days)} days`
}

export interface RecompressResult {
  readonly files: number
  readonly bytes: number
  readonly recompressed: { blobs: number; bytesBefore: number; bytesAfter: number }
  readonly skipped: Readonly<Record<string, number>>
  readonly damaged: readonly { bucket: string; key: string; what: string }[]
  readonly damagedCount: number
}

export function describeRecompressed(result: RecompressResult): string[] {
  const { files, recompressed, skipped, damaged } = result
  const { blobs, bytesBefore, bytesAfter } = recompressed
  const saved = bytesBefore - bytesAfter
  return [
    `Looked at ${files} files, stored ${blobs} again: ${formatBytes(bytesBefore)} became ${formatBytes(bytesAfter)}, ` +
      `${formatSigned(saved)} saved (${percent(saved, bytesBefore)}).`,
    ...(Object.keys(skipped).length > 0 ? [`Left as they were: ${reasons(skipped)}.`] : []),
    ...damaged.map(({ bucket, key, what }) => `Damaged: ${bucket}/${key} ${what}`),
  ]
}

type StatsRow = Totals & { readonly ratio: number | null }

export interface Stats {
  readonly totals: StatsRow
  readonly byBucket: readonly (StatsRow & { bucket: string })[]
  readonly byUser: readonly (StatsRow & { userId: string; name: string })[]
  readonly byMediaType: readonly (StatsRow & { mediaType: string })[]
  readonly byCodec: readonly (StatsRow & { codec: string })[]
  readonly byReason: readonly (StatsRow & { reason: string })[]
}

const statsColumns: readonly Column[] = [
  countColumn('FILES', ({ files }: StatsRow) => files),
  bytesColumn('SIZE', ({ logicalBytes }: StatsRow) => logicalBytes),
  bytesColumn('STORED', ({ storedBytes }: StatsRow) => storedBytes),
  bytesColumn('SAVED', ({ savedBytes }: StatsRow) => savedBytes),
  {
    title: 'OF SIZE',
    align: 'right' as const,
    text: ({ ratio }: StatsRow) => (ratio === null ? '-' : `${(ratio * 100).toFixed(1)} %`),
  },
]

export function describeStats(stats: Stats): string[] {
  const table = <R>(rows: readonly R[], title: string, text: (row: R) => string) =>
    rows.length === 0
      ? []
      : ['', ...formatTable([...statsColumns, { title, text }], rows as readonly object[])]
  return [
    ...formatTable([...statsColumns, { title: '', text: () => 'in all' }], [stats.totals]),
    ...table(stats.byBucket, 'BUCKET', ({ bucket }) => bucket),
    ...(stats.byUser.length > 1
      ? table(stats.byUser, 'OWNER', ({ userId, name }) => `${userId} ${name}`)
      : []),
    ...table(stats.byMediaType, 'TYPE', ({ mediaType }) => mediaType || '-'),
    ...table(stats.byCodec, 'CODEC', ({ codec }) => codec),
    ...table(stats.byReason, 'VERDICT', ({ reason }) => reason),
  ]
}

export interface Analysis {
  readonly sizeBytes: number
  readonly mediaType: string
  readonly format: string | null
  readonly verdict: { codec: string; level: number; reason: string; gain: number | null }
  readonly measurements: readonly Measurement[]
}

interface Measurement {
  readonly codec: string
  readonly level: number
  readonly strength: string
  readonly storedBytes: number | null
  readonly ratio: number | null
  readonly compressMs: number | null
  readonly decompressMs: number | null
  readonly skipped: 'slow' | 'one_frame' | null
}

const skippedText = { slow: 'too slow for so long a sample', one_frame: 'cannot hold so much' }

const analysisColumns: readonly Column[] = [
  {
    title: 'STORED',
    align: 'right' as const,
    text: ({ storedBytes }: Measurement) => (storedBytes === null ? '-' : formatBytes(storedBytes)),
  },
  {
    title: 'OF SIZE',
    align: 'right' as const,
    text: ({ ratio }: Measurement) => (ratio === null ? '-' : `${(ratio * 100).toFixed(1)} %`),
  },
  ...(['compressMs', 'decompressMs'] as const).map((name) => ({
    title: name === 'compressMs' ? 'COMPRESS' : 'DECOMPRESS',
    align: 'right' as const,
    text: (row: Measurement) => (row[name] === null ? '-' : `${row[name].toFixed(1)} ms`),
  })),
  {
    title: 'CODEC',
    text: ({ codec, level, strength, skipped }: Measurement) =>
      `${codec}-${level} (${strength})${skipped ? `: ${skippedText[skipped]}` : ''}`,
  },
]

export function describeAnalysis({ sizeBytes, mediaType, verdict, measurements }: Analysis): string[] {
  const { codec, level, reason, gain } = verdict
  const saves = gain === null ? '' : `, saves ${(gain * 100).toFixed(1)} %`
  return [
    `${formatBytes(sizeBytes)} of ${mediaType}. An upload would be stored ` +
      (codec === 'identity' ? `as it is: ${reason}${saves}.` : `with ${codec}-${level}${saves}.`),
    '',
    ...formatTable(analysisColumns, measurements),
  ]
}
