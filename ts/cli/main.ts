#!/usr/bin/env node
import { watchReaders } from './readers.ts'
import { run } from './run.ts'

watchReaders([process.stdout, process.stderr])

process.exitCode = await run(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  cwd: process.cwd(),
  env: process.env,
})
