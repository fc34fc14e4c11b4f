import { join } from 'node:path'
import { runProcess } from '../harness/processes.ts'
import { prepareDatabase } from '../scale/prepared.ts'
import type { Context, Outcome, Scenario } from '../harness/scenario.ts'
import type { DepthMeasurement } from '../scale/measure-depth.ts'

export const listingDepth: Scenario = {
  name: 'listing-depth',
  measures:
    'Page 1 and page 10,000 (of 100) of a bucket of 1,000,000 files, by key, time and size in both directions; and its 100 groups by a delimiter; through the adapter of SQLite.',
  yardstick: undefined,
  targets: [
    {
      metric: 'withinBounds',
      bound: 'at least',
      value: 1,
      unit: '(pages alike within a factor of 1.5, groups in less than 10 ms)',
    },
  ],
  run,
}

async function run(context: Context): Promise<Outcome> {
  const { file, ...made } = prepareDatabase(context, { folders: 100 })
  context.progress('reading every page in every order')
  const script = join(import.meta.dirname, '../scale/measure-depth.ts')
  const args = [script, file, ...(context.quick ? ['--quick'] : [])]
  const { orders, ...measured } = await runProcess<DepthMeasurement>('server', args, {})
  const factor = Math.max(...orders.map((order) => order.factor))
  if (measured.groups !== 100) throw new Error(`there are ${measured.groups} groups, not 100`)
  const medians = {
    factor,
    groupsP50Us: measured.groupsP50Us,
    groupsP95Us: measured.groupsP95Us,
    withinBounds: factor <= 1.5 && measured.groupsP95Us < 10_000 ? 1 : 0,
    ...Object.fromEntries(
      orders.flatMap(({ order, firstUs, lastUs }) => [
        [`${order}.first.p50Us`, firstUs],
        [`${order}.last.p50Us`, lastUs],
      ]),
    ),
  }
  return {
    rounds: [{ subject: medians }],
    disturbedRounds: [],
    medians,
    settings: { ...made, pages: measured.pages, limit: 100, compared: 'factor' },
    verified: ['in every order, every page has 100 files and all of them together are those of the bucket'],
  }
}
