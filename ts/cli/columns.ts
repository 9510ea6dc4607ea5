/** Rows as aligned lines, indented by two. Colour codes do not count for widths; the last column is not padded. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = []
  for (const row of rows) {
    for (const [i, cell] of row.slice(0, -1).entries()) widths[i] = Math.max(widths[i] ?? 0, width(cell))
  }
  return rows.map((row) => {
    const cells = row.map((cell, i) =>
      i < row.length - 1 ? cell + ' '.repeat(widths[i]! - width(cell)) : cell,
    )
    return `  ${cells.join('  ')}`.trimEnd()
  })
}

function width(text: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colour codes begin with one
  return text.replaceAll(/\u001b\[[\d;]*m/g, '').length
}
