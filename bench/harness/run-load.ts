import { join } from 'node:path'
import { runProcess } from './processes.ts'
import type { LoadJob, LoadResult } from './load-job.ts'
import type { RunningProcess } from './processes.ts'
import type { Measurement } from './scenario.ts'

/** Runs a job in a process of its own, on the load's core. Throws when any answer was wrong. */
async function runLoad(job: LoadJob): Promise<LoadResult> {
  const result = await runProcess<LoadResult>('load', [join(import.meta.dirname, 'load.ts')], job)
  if (result.errors > 0) {
    throw new Error(`${result.errors} wrong answers, such as: ${result.errorSamples.join('; ')}`)
  }
  return result
}

/** {@link runLoad} against `server`, as the numbers that results keep. */
export async function measureLoad(
  server: RunningProcess,
  job: LoadJob,
): Promise<{ measurement: Measurement; nextNumber: number }> {
  const cpuBefore = server.cpuSeconds()
  const result = await runLoad(job)
  const cpu = server.cpuSeconds() - cpuBefore
  const measurement = {
    perSecond: result.perSecond,
    mibPerSecond: result.mibPerSecond,
    p50Ms: result.latencyMs.p50,
    p90Ms: result.latencyMs.p90,
    p99Ms: result.latencyMs.p99,
    maxMs: result.latencyMs.max,
    serverCpuUsPerRequest: (cpu * 1e6) / result.requestsInAll,
    loadCpuShare: result.cpuShare,
  }
  return { measurement, nextNumber: result.nextNumber }
}
