import { quoteName } from '../../text.ts'
import { kindOf } from '../kinds.ts'
import type { Column, Domain, Kind, Named, Schema } from '../model.ts'
import { stringText } from '../sql/names.ts'
import { type Values, valuesOf } from './samples.ts'

/** The domain that a type is. */
export function domainOf(schema: Schema, type: string): Domain | undefined {
  return schema.domains.find((domain) => names(domain).includes(type))
}

/** How `format_type` may write a type of one's own. */
function names({ schema, name }: Named): string[] {
  const quoted = quoteName(name)
  return [name, quoted, `${schema}.${name}`, `${schema}.${quoted}`, `${quoteName(schema)}.${quoted}`]
}

/** The values of a column, by its type and what its default tells of it. */
export function columnValues(schema: Schema, column: Column): Values | undefined {
  const { dialect } = schema
  const domain = domainOf(schema, column.type)
  const type = domain?.type ?? column.type
  const { values = [] } = schema.enums.find((one) => names(one).includes(type)) ?? {}
  if (values.length > 0) {
    return { plain: (n) => stringText(values[n % values.length] ?? ''), edges: values.map(stringText) }
  }
  const told = dialect === 'sqlite' ? toldByDefault(column) : undefined
  if (type.endsWith('[]')) return arrays(schema, { ...column, type: type.slice(0, -2), kind: 'other' })
  return valuesOf(dialect, told ?? column.kind, type)
}

function arrays(schema: Schema, element: Column): Values | undefined {
  const values = columnValues(schema, { ...element, kind: kindOf('postgres', element.type) })
  if (values === undefined) return { plain: () => `'{}'`, edges: [] }
  const array = (...of: string[]) => `ARRAY[${of.join(', ')}]::${element.type}[]`
  return {
    plain: (n) => array(values.plain(n), values.plain(n + 1)),
    edges: [`'{}'`, array('NULL'), array(...values.edges)],
  }
}

/** SQLite has few types, and a default may tell more: a moment, JSON, yes or no. */
function toldByDefault({ kind, default: value = '' }: Column): Kind | undefined {
  if (kind === 'integer' && /^\(?(0|1|true|false)\)?$/i.test(value)) return 'boolean'
  if (kind !== 'text') return undefined
  if (/^\(?\s*(datetime|current_timestamp|strftime)\b/i.test(value)) return 'timestamp'
  if (/^\(?\s*(date|current_date)\b/i.test(value)) return 'date'
  return /^\(?\s*'(\{.*\}|\[.*\])'\s*\)?$/.test(value) ? 'json' : undefined
}
