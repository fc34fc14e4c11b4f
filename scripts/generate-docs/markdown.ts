/** A row of a table: bars would end the cell. */
export function tableRow(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`
}

export function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  return [tableRow(titles), tableRow(titles.map(() => '---')), ...rows.map(tableRow)].join('\n')
}

export function sentence(text: string): string {
  const trimmed = text.trim()
  return trimmed === '' || /[.:!?]$/.test(trimmed) ? trimmed : `${trimmed}.`
}

/** With thousands apart, as people read them. */
export function wholeNumber(value: number): string {
  return value.toLocaleString('en-US')
}
