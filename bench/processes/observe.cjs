// Loaded before our command: tells on file descriptor 3 its peak of memory in bytes, and what it loads: packages, and
// the file of our own into which `pg` is bundled.
const { writeSync } = require('node:fs')
const { registerHooks } = require('node:module')

const packages = new Set()

registerHooks({
  load: (url, context, next) => {
    const name = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1]
    if (name !== undefined) packages.add(name)
    if (url.endsWith('/dist/cli/postgres.cjs')) packages.add('pg')
    return next(url, context)
  },
})

process.on('exit', () => {
  const peak = process.resourceUsage().maxRSS * 1024
  writeSync(3, JSON.stringify({ peak, packages: [...packages] }))
})
