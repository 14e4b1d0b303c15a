import { readFileSync } from 'node:fs'
import { COMMANDS, COMMON } from './commands.ts'

/** Help for one command, or for all. */
export function help(name?: string): string {
  const command = name === undefined ? undefined : COMMANDS[name]
  if (command === undefined) {
    return [
      'nexflow-migrate: migrations for SQLite and PostgreSQL\n',
      'Usage: nexflow-migrate COMMAND [options]\n',
      table(Object.values(COMMANDS).map(({ usage, does }) => [usage, does])),
      '\nOptions of every command:',
      table(rows(COMMON)),
      '\n"nexflow-migrate COMMAND --help" lists the options of one command.',
    ].join('\n')
  }
  return [
    `nexflow-migrate ${command.usage}: ${command.does}\n`,
    'Options:',
    table(rows(command.options)),
    '\nOptions of every command:',
    table(rows(COMMON)),
  ].join('\n')
}

function rows(options: Readonly<Record<string, { value?: string; does: string }>>): string[][] {
  return Object.entries(options).map(([name, { value, does }]) => [
    `--${name}${value ? ` ${value}` : ''}`,
    does,
  ])
}

function table(lines: readonly string[][]): string {
  const width = Math.max(...lines.map(([left = '']) => left.length))
  return lines.map(([left = '', right]) => `  ${left.padEnd(width)}  ${right}`).join('\n')
}

export function version(): string {
  const file = new URL('../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}
