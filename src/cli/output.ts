/** Where a command's result goes: rows for people, or JSON, one object on a line, for programs. */
export interface Output {
  readonly json: boolean
  /**
   * Prints rows. Called again for each page: the titles come once, and columns never get narrower. The column whose
   * text may be of any width goes last.
   */
  rows(columns: readonly Column[], rows: readonly object[]): void
  /** One result: its fields below one another. `fields` are label and value. */
  record(value: object, fields: readonly (readonly [label: string, value: string])[]): void
  /** A result of several tables and sentences; see {@link formatTable}. */
  report(value: object, lines: readonly string[]): void
  /** A thing that was done. */
  done(value: object, sentence: string): void
  /** To people only, on standard error, where it disturbs nobody's pipe. */
  note(sentence: string): void
}

export interface Column {
  readonly title: string
  readonly align?: 'right'
  // Rows are shapes of the API; each command knows its own.
  readonly text: (row: never) => string
}

export function createOutput(options: {
  json: boolean
  stdout: (text: string) => void
  stderr: (text: string) => void
}): Output {
  const { json, stdout, stderr } = options
  let widths: number[] | undefined
  const printJson = (value: object) => stdout(`${jsonLine(value)}\n`)

  return {
    json,
    rows(columns, rows) {
      if (json) return rows.forEach(printJson)
      const cells = rows.map((row) => columns.map(({ text }) => printable(text(row as never))))
      const titles = columns.map(({ title }) => title)
      const first = widths === undefined
      widths = columns.map((_, i) =>
        Math.max(widths?.[i] ?? titles[i]?.length ?? 0, ...cells.map((row) => row[i]?.length ?? 0)),
      )
      for (const line of first ? [titles, ...cells] : cells) stdout(`${alignCells(columns, widths, line)}\n`)
    },
    record(value, fields) {
      if (json) return printJson(value)
      const width = Math.max(...fields.map(([label]) => label.length))
      for (const [label, text] of fields) stdout(`${label.padEnd(width)}  ${printable(text)}\n`)
    },
    report(value, lines) {
      if (json) return printJson(value)
      for (const line of lines) stdout(`${printable(line)}\n`)
    },
    done(value, sentence) {
      if (json) printJson(value)
      else stdout(`${printable(sentence)}\n`)
    },
    note(sentence) {
      if (!json) stderr(`${printable(sentence)}\n`)
    },
  }
}

/** Titles and rows, aligned. The column whose text may be of any width goes last. */
export function formatTable(columns: readonly Column[], rows: readonly object[]): string[] {
  const titles = columns.map(({ title }) => title)
  const cells = rows.map((row) => columns.map(({ text }) => printable(text(row as never))))
  const widths = titles.map((title, i) => Math.max(title.length, ...cells.map((row) => row[i]?.length ?? 0)))
  return [titles, ...cells].map((line) => alignCells(columns, widths, line))
}

function alignCells(columns: readonly Column[], widths: readonly number[], cells: readonly string[]): string {
  return cells
    .map((cell, i) => {
      if (columns[i]?.align === 'right') return cell.padStart(widths[i] as number)
      return i === cells.length - 1 ? cell : cell.padEnd(widths[i] as number)
    })
    .join('  ')
}

// Controls, and the marks of writing direction: a file's key must not be able to steer the terminal.
const unprintable = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu

/** With everything that a terminal would act on made visible. */
export function printable(text: string): string {
  return text
    .toWellFormed()
    .replace(unprintable, (mark) => `\\u${(mark.codePointAt(0) as number).toString(16).padStart(4, '0')}`)
}

/** JSON escapes the first 32 controls by itself; the others mean something to terminals too. */
export function jsonLine(value: object): string {
  return JSON.stringify(value).replace(
    /[\u007f-\u009f]/g,
    (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** `1.5 MiB` */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let unit = 0
  // 1023.95 would be shown as 1024.0.
  while (value >= (unit === 0 ? 1024 : 1023.95) && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return unit === 0 ? `${value} B` : `${value.toFixed(1)} ${units[unit]}`
}

/** To the second, in UTC: `2026-11-21 08:51:11Z`. */
export function formatTime(iso: string | null): string {
  return iso === null ? '-' : iso.replace('T', ' ').replace(/\.\d+/, '')
}
