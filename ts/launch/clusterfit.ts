import { mkdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Config, composeConfig, originOf } from '../config/index.ts'
import { worldSize } from '../distributed/index.ts'
import { fromBytes, manualSeed, noGrad, scope, type Tensor } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { writeNpy } from '../eval/npy-writer.ts'
import { ConsoleLog, fileError, MAKE_FOLDER } from '../logging/index.ts'
import { kmeans } from '../losses/index.ts'
import { runExtraction } from './extract.ts'
import { runTraining, type TrainingRequest } from './run.ts'
import { counted } from './skipped.ts'

/** Added to the length of a feature before it is divided by it, as VISSL does. */
const EPS = 1e-5

/**
 * The engine `cluster_features`, ClusterFit (Yan et al. 2020, arXiv:1912.03330): extracts the features of
 * `CLUSTERFIT.FEATURES`, clusters them by k-means and writes
 * - `DATASET_SPLIT_Nk_faiss_lbls.npy`: int64 N, the cluster of each image in the order of the data set,
 * - `DATASET_SPLIT_Nk_faiss_centroids.npy`: float32 k×D.
 *
 * With `CLUSTERFIT.TRAIN_CONFIG` that configuration is then trained on the same images with clusters as labels.
 *
 * @throws VisslError for everything a user can mend; `Stopped` after a signal
 */
export async function runClusterFit(request: TrainingRequest): Promise<ExitCode> {
  const { config, dryRun } = request
  const { NUM_CLUSTERS, TRAIN_CONFIG } = config.CLUSTERFIT
  const { DATA_PARTITION: split } = config.CLUSTERFIT.FEATURES
  if (worldSize() > 1) {
    throw new VisslError(
      ExitCode.usage,
      `features are clustered in one process, and there are ${worldSize()}`,
      'set config.DISTRIBUTED.NUM_NODES=1 config.DISTRIBUTED.NUM_PROC_PER_NODE=1',
    )
  }
  const folder = folderOf(request)
  const extraction = extractionOf(config, folder)
  const code = await runExtraction({ ...request, config: extraction })
  if (code !== ExitCode.ok || dryRun) return code
  const labels = clusterFile(config, folder, 'lbls')
  const { objective, used } = cluster(config, folder)
  const screen = new ConsoleLog(request.output)
  screen.info(
    `clusters ${used} of ${NUM_CLUSTERS} have images, mean squared distance ${objective.toFixed(4)}; labels in ${labels}`,
  )
  if (TRAIN_CONFIG === undefined) {
    screen.info(
      'next:    train a configuration with config.DATA.TRAIN.LABEL_SOURCES=[disk_filelist] and ' +
        `config.DATA.TRAIN.LABEL_PATHS=[${labels}], or set config.CLUSTERFIT.TRAIN_CONFIG`,
    )
    return ExitCode.ok
  }
  return await runTraining(secondTraining(request, TRAIN_CONFIG, labels, config.DATA[split]))
}

/** `CLUSTERFIT.OUTPUT_DIR`, or `runs/NAME-clusters` unless it is given. */
function folderOf({ config, origins, cwd, name }: TrainingRequest): string {
  const isGiven = originOf(origins, 'config.CLUSTERFIT.OUTPUT_DIR').kind !== 'default'
  return isGiven ? resolve(cwd, config.CLUSTERFIT.OUTPUT_DIR) : resolve(cwd, 'runs', `${name}-clusters`)
}

function extractionOf(config: Config, folder: string): Config {
  const isTrain = config.CLUSTERFIT.FEATURES.DATA_PARTITION === 'TRAIN'
  return {
    ...config,
    TEST_ONLY: !isTrain,
    TEST_MODEL: !isTrain,
    EXTRACT_FEATURES: { ...config.EXTRACT_FEATURES, OUTPUT_DIR: folder, CHUNK_THRESHOLD: 0 },
  }
}

function clusterFile({ CLUSTERFIT }: Config, folder: string, what: 'lbls' | 'centroids'): string {
  const { DATASET_NAME, DATA_PARTITION } = CLUSTERFIT.FEATURES
  return join(folder, `${DATASET_NAME}_${DATA_PARTITION}_N${CLUSTERFIT.NUM_CLUSTERS}_faiss_${what}.npy`)
}

/** Clusters the extracted features. @returns the mean squared distance, and how many clusters have images */
function cluster(config: Config, folder: string): { objective: number; used: number } {
  const { NUM_CLUSTERS, N_ITER, FEATURES } = config.CLUSTERFIT
  const layer = FEATURES.LAYER_NAME === '' ? 'heads' : FEATURES.LAYER_NAME
  const name = `rank0_${FEATURES.DATA_PARTITION.toLowerCase()}_${layer}_features.npy`
  return noGrad(() =>
    scope(() => {
      const features = readFeatures(join(folder, name), layer)
      features.div_(features.norm(2, [1], true).add_(EPS))
      manualSeed(config.SEED_VALUE)
      const { centroids, assignments, objective } = kmeans(features, {
        clusters: NUM_CLUSTERS,
        iterations: N_ITER,
        empty: 'split',
      })
      const labels = assignments.toTypedArray() as BigInt64Array
      try {
        mkdirSync(folder, { recursive: true })
      } catch (error) {
        throw fileError(MAKE_FOLDER, folder, error)
      }
      writeNpy(clusterFile(config, folder, 'lbls'), '<i8', [labels.length], [labels])
      const values = centroids.toTypedArray() as Float32Array
      writeNpy(clusterFile(config, folder, 'centroids'), '<f4', centroids.shape, [values])
      return { objective, used: new Set(labels).size }
    }),
  )
}

/** N×D of a file that {@link runExtraction} wrote. @throws VisslError when it did not write that layer */
function readFeatures(path: string, layer: string): Tensor {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw fileError('read', path, error)
    throw new VisslError(
      ExitCode.usage,
      `config.CLUSTERFIT.FEATURES.LAYER_NAME is ${layer}, and no features of it were extracted`,
      'add it to config.MODEL.FEATURE_EVAL_SETTINGS.LINEAR_EVAL_FEAT_POOL_OPS_MAP',
    )
  }
  const start = 10 + bytes.readUInt16LE(8)
  const shape = /'shape': \((\d+), (\d+),?\)/.exec(bytes.toString('latin1', 10, start))!
  return fromBytes(bytes.subarray(start), [Number(shape[1]), Number(shape[2])], 'float32')
}

/** Training on the same images with clusters as labels and an output for each cluster. */
function secondTraining(
  request: TrainingRequest,
  name: string,
  labels: string,
  images: Config['DATA']['TRAIN'],
): TrainingRequest {
  const { cwd } = request
  const { NUM_CLUSTERS, TRAIN_OVERRIDES = [] } = request.config.CLUSTERFIT
  const overrides = [`config=${name}`, ...TRAIN_OVERRIDES]
  const { config, origins } = composeConfig({ overrides, cwd })
  const { DATA_SOURCES, DATASET_NAMES, DATA_PATHS, DATA_LIMIT } = images
  Object.assign(config.DATA.TRAIN, {
    DATA_SOURCES,
    DATASET_NAMES,
    DATA_PATHS,
    DATA_LIMIT,
    LABEL_SOURCES: DATA_SOURCES.map(() => 'disk_filelist'),
    LABEL_PATHS: [labels],
    LABEL_TYPE: 'standard',
  })
  const last = (config.MODEL.HEAD.PARAMS.at(-1) as unknown as [string, { dims?: number[] }])[1]
  if (last.dims !== undefined) last.dims[last.dims.length - 1] = NUM_CLUSTERS
  new ConsoleLog(request.output).info(`training ${name} on ${counted(NUM_CLUSTERS, 'cluster')}`)
  return { ...request, config, origins, name: name.split('/').at(-1)!, resume: undefined }
}
