import { type Column, type ForeignKey, nameOf, type Schema, type Table } from '../model.ts'
import { endsOf, marksOf, shortType, tableOf, wholeTables } from './marks.ts'

/** The tables and keys as Mermaid's erDiagram: https://mermaid.js.org/syntax/entityRelationshipDiagram.html */
export function mermaidOf(schema: Schema): string {
  const tables = wholeTables(schema)
  const names = entityNames(tables)
  const relations = tables.flatMap((table) =>
    table.foreignKeys.map((key) => relation(names, table, key, tableOf(schema, key.to))),
  )
  return `${['erDiagram', ...tables.flatMap((table) => entity(names, table)), ...relations].join('\n')}\n`
}

type Names = ReadonlyMap<string, string>

/** Words that mean something in the place of an entity's name. */
const RESERVED =
  /^(accdescr|acctitle|class|classdef|direction|end|erdiagram|many|one|only|optionally|style|subgraph|title|to|u|zero)$/i

/** The tables' names as they can be written, each another. */
function entityNames(tables: readonly Table[]): Names {
  const names = new Map<string, string>()
  const taken = new Set<string>()
  for (const table of tables) {
    const name = nameOf(table)
    let written = /^[A-Za-z_]\w*$/.test(name) && !RESERVED.test(name) ? name : quoted(name)
    while (taken.has(written)) written = quoted(`${written.replaceAll('"', '')} `)
    taken.add(written)
    names.set(name, written)
  }
  return names
}

function entity(names: Names, table: Table): string[] {
  const name = names.get(nameOf(table)) ?? ''
  if (table.columns.length === 0) return [`    ${name}`]
  return [`    ${name} {`, ...table.columns.map((column) => `        ${attribute(table, column)}`), '    }']
}

function attribute(table: Table, column: Column): string {
  const type = word(shortType(column))
  const name = word(column.name)
  const marks = marksOf(table, column.name).join(', ')
  const notes = [
    ...(name === column.name ? [] : [column.name]),
    ...(column.nullable ? ['nullable'] : []),
    ...(column.comment === undefined ? [] : [column.comment]),
  ]
  const note = notes.length === 0 ? '' : comment(notes.join('; '))
  return [type, name, marks, note].filter((part) => part !== '').join(' ')
}

/** Parent and child with what stands at their ends; a line is whole where the key is part of the child's own. */
function relation(names: Names, table: Table, key: ForeignKey, to: Table | undefined): string {
  const { optional, many, identifying } = endsOf(table, key)
  const parent = names.get(nameOf(to ?? key.to)) ?? quoted(nameOf(key.to))
  const line = `${optional ? '|o' : '||'}${identifying ? '--' : '..'}${many ? 'o{' : 'o|'}`
  const child = names.get(nameOf(table)) ?? ''
  return `    ${parent} ${line} ${child} : ${comment(key.columns.join(', '))}`
}

/** A type or a column: letters, digits, `_`, `-`, parentheses and brackets. */
function word(text: string): string {
  const plain = text.replace(/[^\w()[\]\u00c0-\uffff-]+/g, '_')
  return /^[A-Za-z_\u00c0-\uffff]/.test(plain) && !/^(pk|fk|uk)\b/i.test(plain) ? plain : `_${plain}`
}

/** The name of an entity; what quotes cannot hold is left out. */
function quoted(name: string): string {
  return `"${undirected(name.replace(/["%\\\p{Cc}]+/gu, '_')) || ' '}"`
}

/** A text behind a column or on a line: one line of it. */
function comment(text: string): string {
  return `"${undirected(text.replaceAll('"', "'").replace(/[\s\p{Cc}]+/gu, ' '))}"`
}

/** These words are a statement wherever they stand on a line. */
function undirected(text: string): string {
  return text.replace(/(direction)\s+(?=TB|BT|RL|LR)/gi, '$1_')
}
