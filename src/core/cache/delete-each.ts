/** Deletes what each of `names` stands for, `atOnce` at a time: all that can be. Rejects with the first failure, at the end. */
export async function deleteEach(
  names: readonly string[],
  { atOnce, remove }: { atOnce: number; remove: (name: string) => Promise<unknown> },
): Promise<void> {
  const failures: unknown[] = []
  for (let start = 0; start < names.length; start += atOnce) {
    for (const outcome of await Promise.allSettled(names.slice(start, start + atOnce).map(remove))) {
      if (outcome.status === 'rejected') failures.push(outcome.reason)
    }
  }
  if (failures.length > 0) throw failures[0]
}
