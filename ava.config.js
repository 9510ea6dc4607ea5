export default {
  files: ['__test__/**/*.test.ts'],
  extensions: { ts: 'module' },
  nodeArguments: ['--import=@oxc-node/core/register'],
  timeout: '10m',
  // Processes, not threads: libtorch's default random generator belongs to the process.
  workerThreads: false,
  concurrency: 2,
}
