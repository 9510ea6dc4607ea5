#!/usr/bin/env node
import { setUpOrExit } from './setup/run.mjs'

await setUpOrExit()
