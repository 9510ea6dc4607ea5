/** Rounds to a number of decimals; exact ties go to the even digit, as in Python. */
export function roundHalfEven(value: number, digits: number): number {
  const rounded = Number(value.toFixed(digits))
  const unit = 10 ** -digits
  const tie = (rounded - value) * 2 === unit && Number.isInteger(value * 2 ** 40)
  if (!tie) return rounded
  return Math.round(rounded / unit) % 2 === 0 ? rounded : Number((rounded - unit).toFixed(digits))
}
