import { compressionReport } from './compression-report.ts'
import type { JobKind, JobParams, JobWork } from './job.ts'
import { recompress } from './recompress.ts'
import { scrub } from './scrub.ts'

/** The kinds of jobs that this release can do. */
export const works: Readonly<Partial<Record<JobKind, JobWork<JobParams, unknown>>>> = Object.freeze({
  compression_report: compressionReport,
  recompress,
  scrub,
})
