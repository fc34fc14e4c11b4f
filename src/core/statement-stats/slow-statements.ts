import type { Background } from '../ports/background.ts'
import type { Clock } from '../ports/clock.ts'
import type { Statement, StatementRun } from '../ports/database.ts'
import type { Observer } from '../ports/observer.ts'

/** Statements that took long, with how the database runs them: the last ones in memory, and some of them as events. */
export interface SlowStatements {
  /** 0: nothing is slow. */
  readonly thresholdMs: number
  note(run: StatementRun): void
  /** The newest first. */
  list(): SlowStatement[]
}

export interface SlowStatement {
  readonly statement: string
  readonly endedMs: number
  readonly durationMs: number
  readonly rowsRead: number
  readonly rowsWritten: number
  /** `undefined` while it is asked for, or where the database did not say. */
  readonly plan: readonly string[] | undefined
}

/** In memory, and of these of one statement: one that is always slow leaves room for the others. */
const keptMax = 100
const keptOfOneMax = 10
/** Of one statement: a log is read by people. */
const eventEveryMs = 10_000
/** A plan changes with what the database knows of its tables. */
const planLifeMs = 3_600_000

interface Known {
  plan?: readonly string[]
  askedMs?: number
  toldMs?: number
  untold: number
}

export function createSlowStatements(options: {
  thresholdMs: number
  clock: Clock
  background: Background
  observe: Observer
  explain: (statement: Statement) => Promise<readonly string[]>
}): SlowStatements {
  const { thresholdMs, clock, background, observe, explain } = options
  let kept: Omit<SlowStatement, 'plan'>[] = []
  const known = new Map<string, Known>()

  function keep(slow: Omit<SlowStatement, 'plan'>): void {
    const same = kept.filter(({ statement }) => statement === slow.statement)
    const dropped = same.length >= keptOfOneMax ? same[0] : kept.length >= keptMax ? kept[0] : undefined
    kept = [...kept.filter((each) => each !== dropped), slow]
  }

  /** Asks at most once in an hour, whether there was an answer or not. */
  async function planOf(statement: Statement, about: Known): Promise<void> {
    about.askedMs = clock.monotonic()
    about.plan = await explain(statement)
  }

  return {
    thresholdMs,
    note({ statement, durationMs, rowsRead, rowsWritten }) {
      const { name } = statement
      keep({ statement: name, endedMs: clock.now(), durationMs, rowsRead, rowsWritten })
      const about = known.get(name) ?? { untold: 0 }
      known.set(name, about)
      about.untold++
      const nowMs = clock.monotonic()
      if (about.toldMs !== undefined && nowMs - about.toldMs < eventEveryMs) return
      about.toldMs = nowMs
      const times = about.untold
      about.untold = 0
      const tell = () => {
        const { plan } = about
        observe({
          type: 'slow_statement',
          statement: name,
          durationMs,
          rowsRead,
          rowsWritten,
          times,
          plan,
        })
      }
      if (about.askedMs !== undefined && nowMs - about.askedMs < planLifeMs) tell()
      else background.run(`explain ${name}`, () => planOf(statement, about).finally(tell))
    },
    list: () => kept.map((slow) => ({ ...slow, plan: known.get(slow.statement)?.plan })).toReversed(),
  }
}
