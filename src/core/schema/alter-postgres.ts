import type { Schema } from './model.ts'
import type {Renames} from './renames.ts'
import type {Alteration} from './ddl.ts'
export function alterPostgres(_: Schema, __: Schema, ___: Renames): Alteration { return {statements: [], notes: []} }
