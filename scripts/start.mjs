#!/usr/bin/env node
import { become, root, setUpOrExit } from './setup/run.mjs'

await setUpOrExit()
become(process.execPath, [`${root}/dist/cli/main.js`, 'train', 'config=quickstart', ...process.argv.slice(2)])
