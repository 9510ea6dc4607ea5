export default {
  files: ['__test__/**/*.test.ts'],
  extensions: { ts: 'module' },
  nodeArguments: ['--import=@oxc-node/core/register'],
  timeout: '10m',
  concurrency: 2,
}
