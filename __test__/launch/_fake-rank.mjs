// A process that behaves as its arguments say: `RANK:ACTION` pairs; ranks that are not named end well.
const action = process.argv
  .slice(2)
  .find((text) => text.startsWith(`${process.env.RANK}:`))
  ?.split(':')[1]
const beat = (step) => process.send({ type: 'heartbeat', step, doing: 'train step' })
beat(3)
switch (action) {
  case 'fail':
    console.error('a reason')
    process.exit(3)
    break
  case 'kill':
    process.kill(process.pid, 'SIGKILL')
    break
  case 'hang':
    setInterval(() => {}, 1000)
    break
  case 'deaf':
    process.on('SIGTERM', () => {})
    setInterval(() => {}, 1000)
    break
  case 'stop':
    process.on('SIGTERM', () => process.exit(143))
    setInterval(() => {}, 1000)
    break
  default:
    process.disconnect()
}
