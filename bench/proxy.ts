import { connect, createServer, type Socket } from 'node:net'

/** A way to a server that is far away. */
export interface Proxy {
  readonly port: number
  /** How often a client has sent something after it had heard from the server, or for the first time. */
  readonly roundTrips: () => number
}

/** Does `work` with a port that leads to a local one, `delay` milliseconds away in each direction. */
export async function withProxy<T>(
  port: number,
  delay: number,
  work: (proxy: Proxy) => Promise<T>,
): Promise<T> {
  let count = 0
  const proxy = createServer({ noDelay: true }, (client) => {
    const server = connect({ port, host: '127.0.0.1', noDelay: true })
    let clientSpoke = false
    client.on('data', () => {
      if (!clientSpoke) count++
      clientSpoke = true
    })
    pass(client, server, delay, () => {})
    pass(server, client, delay, () => {
      clientSpoke = false
    })
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  try {
    return await work({ port: portOf(proxy.address()), roundTrips: () => count })
  } finally {
    proxy.close()
  }
}

/** Everything goes on later, in order. */
function pass(from: Socket, to: Socket, delay: number, onArrival: () => void): void {
  from.on('data', (data) => {
    setTimeout(() => {
      onArrival()
      if (to.writable) to.write(data)
    }, delay)
  })
  from.on('close', () => setTimeout(() => to.end(), delay))
  from.on('error', () => {})
}

function portOf(address: ReturnType<ReturnType<typeof createServer>['address']>): number {
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port')
  return address.port
}
