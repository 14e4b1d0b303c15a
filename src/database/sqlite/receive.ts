export async function receive(..._: unknown[]): Promise<void> {}
