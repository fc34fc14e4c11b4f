/**
 * Measures compression on the corpus: writes `result.json`, and the README from it. `--part` measures one part anew and
 * keeps the others; `--quick` takes a small part of the corpus, and writes to `bench/tmp/quick`; `--render` measures nothing.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { measureCodings } from './codings.ts'
import { type CorpusFile, readCorpus, readManifest, summarise } from './corpus.ts'
import { measureFrames } from './frames.ts'
import { measurePolicy } from './policy-totals.ts'
import { renderReadme } from './render.ts'
import type { CorpusResult } from './result.ts'

const partNames = ['codings', 'frames', 'policy'] as const
type PartName = (typeof partNames)[number]

const { values } = parseArgs({
  options: {
    part: { type: 'string', multiple: true },
    quick: { type: 'boolean', default: false },
    render: { type: 'boolean', default: false },
  },
})

function say(text: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`)
}

/** Every fiftieth file of each kind, and the first of them. */
function thin(files: readonly CorpusFile[]): CorpusFile[] {
  return [...Map.groupBy(files, ({ kind }) => kind).values()].flatMap((members) =>
    members.filter((_, index) => index % 50 === 0),
  )
}

async function measure(before: Partial<CorpusResult>, parts: ReadonlySet<PartName>): Promise<CorpusResult> {
  const all = readCorpus()
  const corpus = summarise(all)
  if (corpus.sha256 !== readManifest().sha256)
    throw new Error('another corpus: run `node bench/corpus/build.ts`')
  const files = values.quick ? thin(all) : all
  const repeats = values.quick ? 1 : 3
  const isKept = (part: PartName) => !parts.has(part)
  return {
    format: 1,
    corpus,
    policy: (isKept('policy') && before.policy) || (await measurePolicy(files, { repeats, say })),
    frames:
      (isKept('frames') && before.frames) ||
      (await measureFrames(files, {
        levels: values.quick ? [3] : [3, 6],
        uploadLevels: values.quick ? [3] : [1, 2, 3, 4, 5, 6, 7, 9],
        reads: values.quick ? 20 : 500,
        repeats,
        say,
      })),
    codings:
      (isKept('codings') && before.codings) ||
      (await measureCodings(files, {
        sampleBytesMax: values.quick ? 2 ** 18 : 2 ** 21,
        pieceBytesMax: values.quick ? 2 ** 18 : 2 ** 20,
        repeats,
        say,
      })),
  }
}

function partsWanted(): Set<PartName> {
  const wanted = values.part ?? partNames
  const unknown = wanted.filter((name) => !partNames.some((each) => each === name))
  if (unknown.length > 0)
    throw new Error(`no such part: ${unknown.join(', ')}; there are ${partNames.join(', ')}`)
  return new Set(wanted as PartName[])
}

const folder = values.quick ? join(import.meta.dirname, '../tmp/quick') : import.meta.dirname
const resultPath = join(folder, 'result.json')
const before = existsSync(resultPath)
  ? (JSON.parse(readFileSync(resultPath, 'utf8')) as CorpusResult)
  : undefined
if (values.render && !before) throw new Error(`nothing to render: there is no ${resultPath}`)
const result = values.render && before ? before : await measure(before ?? {}, partsWanted())
mkdirSync(folder, { recursive: true })
writeFileSync(resultPath, `${JSON.stringify(result, null, 2)}\n`)
writeFileSync(join(folder, 'README.md'), renderReadme(result))
say(`written: ${folder}`)
