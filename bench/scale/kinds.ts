import type { Dice } from './draw.ts'

/** How people name and fill buckets. */
interface BucketKind {
  readonly name: string
  /** No two places give the same key. */
  draw(dice: Dice, place: number, timeMs: number): Drawn
}

interface Drawn {
  readonly key: string
  readonly contentType: string
  readonly sizeBytes: number
  readonly storedShare: number
}

/** Ending, type, the order of its size in bytes, how much of it is left when it is compressed. */
type FileKind = readonly [ending: string, contentType: string, bytes: number, storedShare: number]

const images: readonly FileKind[] = [
  ['jpg', 'image/jpeg', 2_000_000, 1],
  ['jpg', 'image/jpeg', 400_000, 1],
  ['heic', 'image/heic', 1_500_000, 1],
  ['png', 'image/png', 300_000, 1],
  ['mp4', 'video/mp4', 40_000_000, 1],
]
const assets: readonly FileKind[] = [
  ['js', 'text/javascript; charset=utf-8', 60_000, 0.3],
  ['css', 'text/css; charset=utf-8', 20_000, 0.2],
  ['svg', 'image/svg+xml', 3_000, 0.4],
  ['woff2', 'font/woff2', 30_000, 1],
  ['html', 'text/html; charset=utf-8', 12_000, 0.25],
  ['json', 'application/json', 4_000, 0.2],
]
const papers: readonly FileKind[] = [
  ['pdf', 'application/pdf', 800_000, 1],
  ['docx', 'application/vnd.openxmlformats-officedocument.wordprocessingml.document', 90_000, 1],
  ['txt', 'text/plain; charset=utf-8', 6_000, 0.4],
  ['csv', 'text/csv; charset=utf-8', 200_000, 0.2],
]
const tables: readonly FileKind[] = [
  ['parquet', 'application/octet-stream', 16_000_000, 1],
  ['ndjson', 'application/x-ndjson', 3_000_000, 0.1],
]
const words = ['Angebote', 'reports', 'Übersicht', '請求書', 'team', 'drafts', 'archive', 'Läufe', 'old', 'x']

const day = (timeMs: number) => new Date(timeMs).toISOString().slice(0, 10)
const pick = <T>(dice: Dice, list: readonly T[]) => list[dice(list.length)]!

/** Sizes spread over a factor of some fifty, small ones being more frequent. */
function filed(dice: Dice, [, contentType, bytes, storedShare]: FileKind, key: string): Drawn {
  const sizeBytes = Math.max(1, Math.floor(bytes * 4 ** ((dice(1000) + dice(1000)) / 500 - 2.4)))
  return { key, contentType, sizeBytes, storedShare: sizeBytes < 1024 ? 1 : storedShare }
}

export const kindsOfBuckets: readonly BucketKind[] = [
  {
    name: 'photos',
    draw(dice, place, timeMs) {
      const kind = pick(dice, images)
      return filed(dice, kind, `${day(timeMs).replaceAll('-', '/')}/IMG_${place}.${kind[0]}`)
    },
  },
  {
    name: 'assets',
    draw(dice, place) {
      const kind = pick(dice, assets)
      const hash = dice(2 ** 32)
        .toString(16)
        .padStart(8, '0')
      return filed(dice, kind, `static/${kind[0]}/chunk-${place}.${hash}.${kind[0]}`)
    },
  },
  {
    name: 'logs',
    draw(dice, place, timeMs) {
      const key = `app-${dice(8)}/${day(timeMs)}/${String(place).padStart(7, '0')}.log.gz`
      return filed(dice, ['gz', 'application/gzip', 100_000, 1], key)
    },
  },
  {
    name: 'documents',
    draw(dice, place) {
      const kind = pick(dice, papers)
      return filed(
        dice,
        kind,
        `${pick(dice, words)}/${pick(dice, words)} ${dice(40)}/${pick(dice, words)} (${place}).${kind[0]}`,
      )
    },
  },
  {
    name: 'lake',
    draw(dice, place, timeMs) {
      const kind = pick(dice, tables)
      return filed(
        dice,
        kind,
        `tenant=${dice(50)}/date=${day(timeMs)}/part-${String(place).padStart(5, '0')}.${kind[0]}`,
      )
    },
  },
  {
    name: 'data',
    // Flat, as those who address by content have it.
    draw(dice, place) {
      const hash = Array.from({ length: 4 }, () =>
        dice(2 ** 32)
          .toString(16)
          .padStart(8, '0'),
      ).join('')
      return filed(dice, ['bin', 'application/octet-stream', 8_000, 1], `${hash}-${place}`)
    },
  },
]
