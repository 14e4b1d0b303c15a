export function counters(..._: unknown[]): [] {
  return []
}
export function countersSql(..._: unknown[]): string {
  return ''
}
export function setAside(..._: unknown[]): [] {
  return []
}
