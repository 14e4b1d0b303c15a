#!/usr/bin/env node
// Read by every Node there is: nothing is imported before the version is known to fit.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)

if (major > 24 || (major === 24 && minor >= 10)) {
  import('./main.ts')
    .then(({ main }) => main(process.argv.slice(2)))
    .then((status) => {
      process.exitCode = status
      // When all is written: nothing else is waited for, and to take it down with care would take time.
      process.stdout.write('', () => process.exit())
    })
} else {
  const message = `nexflow-migrate needs Node 24.10 or newer and this is ${process.versions.node}`
  const hint = 'install it from https://nodejs.org, or into this project with "npm install node@24"'
  if (process.argv.includes('--json'))
    console.log(JSON.stringify({ error: { code: 'NODE_VERSION', message, hint } }))
  else console.error(`${message}: ${hint}`)
  process.exitCode = 1
}
