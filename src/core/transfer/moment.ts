/** `YYYY-MM-DD`, and behind a T or a space a time: SQLite's and ISO 8601's forms. */
const MOMENT = /^(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?(Z|[+-]\d\d:\d\d)?)?$/

const TIME = /^(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?$/

const MICROS = 1_000_000n

/** The greatest number that is taken for seconds: in the year 2286. */
const SECONDS = 10_000_000_000
/** From here on it is taken for milliseconds: as seconds it would be beyond the year 9999, as milliseconds it is 1978. */
const MILLISECONDS = 253_402_300_800

/** Julian days of the years 0001 to 9999. */
const JULIAN = [1_721_425.5, 5_373_484.5] as const
/** The Julian day on which 1970 began. */
const JULIAN_1970 = 2_440_587.5
const DAY_MILLISECONDS = 86_400_000

/** Milliseconds of the years 0001 to 9999. */
const LEAST = -62_135_596_800_000
const MOST = 253_402_300_799_999

/**
 * What moment a value of SQLite stands for: ISO text, without a zone in UTC; unix seconds or milliseconds, which their
 * size tells apart; a Julian day. What could be two of them is none.
 *
 * @returns microseconds since 1970
 */
export function momentOf(value: unknown): bigint | undefined {
  if (typeof value === 'bigint') return ofNumber(Number(value), true)
  if (typeof value === 'number') return ofNumber(value, false)
  if (typeof value !== 'string') return undefined
  if (/^\d{1,15}$/.test(value)) return ofNumber(Number(value), true)
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone] =
    MOMENT.exec(value) ?? []
  const days = daysOf(Number(year), Number(month), Number(day))
  const time = microsOf(hour, minute, second, fraction)
  const offset = offsetOf(zone)
  if (days === undefined || time === undefined || offset === undefined) return undefined
  const micros = BigInt(days) * 86_400n * MICROS + time - BigInt(offset) * 60n * MICROS
  return micros >= BigInt(LEAST) * 1000n && micros < BigInt(MOST + 1) * 1000n ? micros : undefined
}

function ofNumber(value: number, whole: boolean): bigint | undefined {
  const size = Math.abs(value)
  if (whole) {
    if (size < SECONDS) return BigInt(value) * MICROS
    return size >= MILLISECONDS && value >= LEAST && value <= MOST ? BigInt(value) * 1000n : undefined
  }
  if (value >= JULIAN[0] && value < JULIAN[1]) return ofMilliseconds((value - JULIAN_1970) * DAY_MILLISECONDS)
  return size >= 1e8 && size < SECONDS ? ofMilliseconds(value * 1000) : undefined
}

/** To whole milliseconds, half away from zero: more a Julian day in a double does not tell. */
function ofMilliseconds(value: number): bigint {
  return BigInt(Math.sign(value) * Math.round(Math.abs(value))) * 1000n
}

/** Days since 1970 of a date that there is. */
function daysOf(year: number, month: number, day: number): number | undefined {
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  const there = year > 0 && date.getUTCMonth() === month - 1 && date.getUTCDate() === day
  return there ? date.getTime() / DAY_MILLISECONDS : undefined
}

function microsOf(hour: string, minute: string, second: string, fraction: string): bigint | undefined {
  const [h, m, s] = [hour, minute, second].map(Number) as [number, number, number]
  if (h > 23 || m > 59 || s > 59) return undefined
  return BigInt(h * 3600 + m * 60 + s) * MICROS + BigInt(fraction.padEnd(6, '0'))
}

/** Minutes east of UTC. */
function offsetOf(zone: string | undefined): number | undefined {
  if (zone === undefined || zone === 'Z') return 0
  const [, sign, hours, minutes] = /^([+-])(\d\d):(\d\d)$/.exec(zone) ?? []
  if (Number(hours) > 15 || Number(minutes) > 59) return undefined
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes))
}

/**
 * The date that a text of SQLite stands for: `YYYY-MM-DD`.
 *
 * @returns days since 1970
 */
export function dateOf(value: unknown): number | undefined {
  const [, year, month, day] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(String(value)) ?? []
  return typeof value === 'string' ? daysOf(Number(year), Number(month), Number(day)) : undefined
}

/**
 * The time of day that a text of SQLite stands for: `HH:MM[:SS[.ffffff]]`.
 *
 * @returns microseconds since midnight
 */
export function timeOf(value: unknown): bigint | undefined {
  const [, hour, minute, second = '0', fraction = ''] = TIME.exec(String(value)) ?? []
  if (typeof value !== 'string' || hour === undefined || minute === undefined) return undefined
  return microsOf(hour, minute, second, fraction)
}
