import { readFileSync } from 'node:fs'

/**
 * How much of the machine other programs used while something was measured: whatever the cores did that neither the
 * measured servers nor this process and its children did, and what the hypervisor gave to other guests. In cores
 * (0.5: half of one); `NaN` where there is no /proc.
 */
export async function watchOthers<T>(
  servers: readonly { cpuSeconds(): number }[],
  work: () => Promise<T>,
): Promise<{ value: T; othersCores: number }> {
  const ownBefore = ownSeconds(servers)
  const busyBefore = busySeconds()
  const began = performance.now()
  const value = await work()
  const elapsed = (performance.now() - began) / 1000
  const others = busySeconds() - busyBefore - (ownSeconds(servers) - ownBefore)
  return { value, othersCores: Math.max(0, others / elapsed) }
}

/** proc_stat(5): user, nice, system and steal of all cores, in ticks of 1/100 s. Interrupts are our own traffic's. */
function busySeconds(): number {
  const [, user, nice, system, , , , , steal] = readFields('/proc/stat', (text) => text.split('\n', 1)[0]!)
  return (user! + nice! + system! + steal!) / 100
}

/** The servers, this process, and the children it has waited for (proc_pid_stat(5) fields 14 to 17). */
function ownSeconds(servers: readonly { cpuSeconds(): number }[]): number {
  const fields = readFields('/proc/self/stat', (text) => text.slice(text.lastIndexOf(')') + 1).trim())
  const self = fields.slice(11, 15).reduce((sum, ticks) => sum + ticks, 0) / 100
  return servers.reduce((sum, server) => sum + server.cpuSeconds(), self)
}

function readFields(path: string, select: (text: string) => string): number[] {
  try {
    return select(readFileSync(path, 'utf8')).split(/\s+/).map(Number)
  } catch {
    return Array.from({ length: 20 }, () => Number.NaN)
  }
}
