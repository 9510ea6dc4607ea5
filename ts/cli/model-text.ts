/** `64×112×112`. */
export const shapeText = (shape: readonly number[]): string => shape.join('×')

/** A count of multiply-adds: `4.09 G`, `12.3 M`, `0`. */
export function multiplyAddsText(count: number): string {
  if (count === 0) return '0'
  return count < 1e8 ? `${(count / 1e6).toFixed(1)} M` : `${(count / 1e9).toFixed(2)} G`
}

/** `88.3 MiB`, `12.3 KiB`, `0`. */
export function bytesText(bytes: number): string {
  if (bytes === 0) return '0'
  return bytes < 2 ** 20 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`
}
