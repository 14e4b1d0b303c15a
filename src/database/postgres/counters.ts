export async function counters(..._: unknown[]): Promise<[]> {
  return []
}
export async function countersSql(..._: unknown[]): Promise<string> {
  return ''
}
