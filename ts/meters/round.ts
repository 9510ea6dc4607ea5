/** Rounds to a number of decimals; exact ties go to the even digit, as in Python. */
export function roundHalfEven(value: number, digits: number): number {
  // Only multiples of 2^-(digits + 1) can lie exactly between two roundings, and for them the product is exact.
  const scaled = value * 10 ** digits
  const tie = Number.isInteger(value * 2 ** (digits + 1)) && Math.abs(scaled % 1) === 0.5
  return tie ? (2 * Math.round(scaled / 2)) / 10 ** digits : Number(value.toFixed(digits))
}

/** A share in percent, rounded as VISSL rounds: 16.666700000000002 can occur. */
export function percent(share: number): number {
  return 100 * roundHalfEven(share, 6)
}
