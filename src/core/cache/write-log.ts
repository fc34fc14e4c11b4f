import type { BoundStatement, Value } from '../ports/database.ts'

/** Something that was read and may be written: a table, a scope of it (the rows whose names begin alike), or one row. */
export interface Dependency {
  readonly table: TableWrites
  /** Of the row or scope; without one, any write to the table counts. */
  readonly slot?: number
}

/** Sequence numbers of the last writes to a table. */
export interface TableWrites {
  /** Of any write. */
  last: number
  /** Of one that did not say which row it changed. */
  lastUnnamed: number
}

/**
 * What this process wrote last, and when, in numbers that only grow: enough to tell whether something that was read is still
 * what would be read. Whoever starts to read notes `sequence` first; a write that comes while it reads, or later, has a higher
 * one, so nothing old can be taken for new (R30). No list of what is cached has to be kept for that.
 */
export interface WriteLog {
  /** The present. */
  readonly sequence: number
  /** Called when the effect of these is known, or may have come about, and before anybody is told so. */
  note(statements: readonly BoundStatement[]): void
  /** From now on nothing that was read before is current. */
  noteAll(): void
  /** `name` is that of a row, as its table's statements say it in `writesRow`, or the beginning of one: then of all such rows. */
  dependency(table: string, name?: readonly Value[]): Dependency
  /** Whether none of these was written since. */
  isCurrent(dependencies: readonly Dependency[], sinceSequence: number): boolean
}

/**
 * Rows and scopes share slots, and a write takes one for each part of its row's name: 1 in 16,384 of them hits something that
 * it has nothing to do with, which is then read again. 128 KiB.
 */
const slotCount = 16_384

export function createWriteLog(): WriteLog {
  let sequence = 0
  let lastAll = 0
  const tables = new Map<string, TableWrites>()
  const slots = new Float64Array(slotCount)

  function tableOf(name: string): TableWrites {
    let table = tables.get(name)
    if (!table) tables.set(name, (table = { last: 0, lastUnnamed: 0 }))
    return table
  }

  /** The row, and each scope that it lies in. */
  function markRow(table: string, row: readonly Value[]): void {
    let hash = hashOf(table)
    for (const part of row) {
      hash = hashOf(part, hash)
      slots[hash % slotCount] = sequence
    }
  }

  return {
    get sequence() {
      return sequence
    },
    note(statements) {
      sequence++
      for (const { statement, values } of statements) {
        const row = statement.writesRow?.map((name) => values[statement.params.indexOf(name)] as Value)
        for (const name of statement.writes) {
          const table = tableOf(name)
          table.last = sequence
          if (row) markRow(name, row)
          else table.lastUnnamed = sequence
        }
      }
    },
    noteAll() {
      lastAll = ++sequence
    },
    dependency(tableName, name) {
      const table = tableOf(tableName)
      if (!name) return { table }
      let hash = hashOf(tableName)
      for (const part of name) hash = hashOf(part, hash)
      return { table, slot: hash % slotCount }
    },
    isCurrent(dependencies, since) {
      if (lastAll > since) return false
      for (const { table, slot } of dependencies) {
        if (slot === undefined ? table.last > since : table.lastUnnamed > since || slots[slot]! > since) {
          return false
        }
      }
      return true
    },
  }
}

/** FNV-1a over UTF-16 units, going on from `hash` with another part of a name. */
function hashOf(part: Value, hash = 0x811c9dc5): number {
  const text = String(part)
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return Math.imul(hash ^ 0xffff, 0x01000193) >>> 0
}
