import { MigrateError } from '../index.ts'

/**
 * Asks before something is done that cannot be taken back. Without a terminal nobody is asked, and nothing waits.
 *
 * @param question what will be done, without a question mark
 * @param yes      `--yes` was given: it is not asked
 * @throws USAGE without a terminal, ABORTED if the answer is not y or yes
 */
export async function ask(question: string, yes: boolean): Promise<void> {
  if (yes) return
  if (!isTerminal()) {
    throw new MigrateError('USAGE', `${question}: that needs a yes, and there is no terminal to ask on`, {
      hint: 'give --yes',
    })
  }
  if (await isYes(question)) return
  throw new MigrateError('ABORTED', 'stopped on request: nothing was changed')
}

/** Whether there is somebody to ask. */
export function isTerminal(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY
}

/** Asks on the terminal. */
export async function isYes(question: string): Promise<boolean> {
  const { createInterface } = await import('node:readline/promises')
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await Promise.race([terminal.question(`${question}? [y/N] `), closed(terminal)])
    return /^y(es)?$/i.test(answer.trim())
  } finally {
    terminal.close()
  }
}

/** The end of the input is a no. */
function closed(terminal: NodeJS.EventEmitter): Promise<string> {
  return new Promise((resolve) => terminal.once('close', () => resolve('')))
}
