import { type Config, inferConfig } from '../config/index.ts'
import { stageData } from '../data/index.ts'
import { barrier, broadcastText, worldGroup } from '../distributed/index.ts'
import type { ModelTrace } from '../models/index.ts'
import { checkModel, checkParts } from './check-parts.ts'
import { provideDatasets } from './datasets.ts'
import { fetchFiles } from './fetch-files.ts'
import { fitFolder } from './folder.ts'
import { fitMachine, requireWorld } from './machine.ts'
import { memoryFormatOf } from './memory-format.ts'
import { withAbsolutePaths } from './reproducible.ts'
import type { TrainingRequest } from './run.ts'
import type { StopSignals } from './signals.ts'

/** A configuration that this machine can run. */
export interface Prepared {
  /** As given, fitted to the machine and the folder; nothing inferred, but that `MEMORY_FORMAT: auto` is settled. */
  readonly fitted: Config
  /** With everything inferred and the paths of known data sets filled in. */
  readonly config: Config
  /** What the model does with two images; undefined where their size is not known beforehand. */
  readonly trace: ModelTrace | undefined
  /** Deletes copies of data that were made for this run alone. */
  readonly cleanUp: () => Promise<void>
}

/**
 * Checks the names of parts, fits the configuration to machine and folder, infers what follows from it, follows shapes
 * through the model and fetches data sets that are known by name and files of the web, in this order: what can be found wrong without
 * data is.
 *
 * @param say told what was chosen
 * @throws VisslError for what does not fit; Stopped after a signal
 */
export async function prepare(
  { config, origins, folder, fitMachine: fit, cwd, dryRun }: TrainingRequest,
  say: (message: string) => void,
  signals: StopSignals,
): Promise<Prepared> {
  checkParts(config)
  const here = fitMachine(withAbsolutePaths(config, cwd), fit === true, say)
  requireWorld(here)
  const fitted = folder === undefined ? here : await fitFolder(here, origins, say)
  signals.throwIfStopped()
  const inferred = inferConfig(fitted, { origins })
  const trace = checkModel(inferred)
  const provided = await provideDatasets(inferred, say, signals.signal)
  const ready = await fetchFiles(provided, say, signals.signal)
  signals.throwIfStopped()
  if (dryRun) return { fitted, config: ready, trace, cleanUp: async () => {} }
  const MEMORY_FORMAT = sharedMemoryFormat(ready, say)
  const settled = (of: Config): Config => ({ ...of, MACHINE: { ...of.MACHINE, MEMORY_FORMAT } })
  const { splits, cleanUp } = await stageData(ready.DATA, {
    isLeader: (process.env.LOCAL_RANK ?? '0') === '0',
    barrier,
    runId: process.env.MASTER_PORT ?? String(process.pid),
    say,
    signal: signals.signal,
  })
  return { fitted: settled(fitted), config: { ...settled(ready), DATA: splits }, trace, cleanUp }
}

type MemoryFormat = Config['MACHINE']['MEMORY_FORMAT']

/** The first process measures, so that all compute alike. */
function sharedMemoryFormat(config: Config, say: (message: string) => void): MemoryFormat {
  const group = worldGroup()
  return broadcastText(group, group.rank === 0 ? memoryFormatOf(config, say) : '') as MemoryFormat
}
