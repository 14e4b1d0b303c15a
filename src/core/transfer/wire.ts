import type { Form } from './form.ts'

/** How a value looks between PostgreSQL and SQLite: the bytes that PostgreSQL's binary form of these types has. */
export type Wire = 'int8' | 'float8' | 'bytea' | 'text'

const WIRES: Readonly<Partial<Record<Form, Wire>>> = {
  boolean: 'int8',
  int2: 'int8',
  int4: 'int8',
  int8: 'int8',
  float4: 'float8',
  float8: 'float8',
  bytes: 'bytea',
}

/**
 * How a value from PostgreSQL looks on its way to SQLite. Texts are those that SQLite's own functions give: moments in
 * UTC without a zone, a fraction only where there is one.
 */
export function wireOf(form: Form): Wire {
  return WIRES[form] ?? 'text'
}
