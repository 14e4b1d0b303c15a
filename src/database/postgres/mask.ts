import type { ClientBase } from 'pg'
import { SECRET } from '../../core/transfer/mask.ts'

/**
 * Sets what the SQL of masks reads, until the end of the open transaction. The server makes the secret itself: it
 * stands neither in a statement nor in a parameter, which a log could keep.
 */
export async function startMasks(client: ClientBase): Promise<void> {
  const random = `gen_random_uuid()::text || gen_random_uuid()::text`
  await client.query(`SELECT set_config('${SECRET}', ${random}, true) IS NULL`)
}
