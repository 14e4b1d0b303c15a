import type { Schema } from '../../schema/model.ts'
export class Catalog {
  clone(): Catalog {
    return new Catalog()
  }
  apply(_tree: object): void {}
  schema(): Schema {
    return EMPTY
  }
}
const EMPTY: Schema = {
  dialect: 'postgres',
  extensions: [],
  enums: [],
  domains: [],
  sequences: [],
  functions: [],
  tables: [],
  views: [],
  triggers: [],
}
export function catalogOf(_schema: Schema): Catalog {
  return new Catalog()
}
