import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setImmediate as yieldToEvents } from 'node:timers/promises'
import { createLoader, type Loader } from '../../data/index.ts'
import { noGrad, ops, scope, type Tensor } from '../../engine/index.ts'
import { ExitCode, VisslError } from '../../errors.ts'
import type { SslModel } from '../../models/index.ts'
import type { ImageTransforms } from './image-transforms.ts'

export interface EmbedOptions {
  /** A feature of the trunk, `res5` for example; default: what was given to `load`, else the model's output. */
  readonly layer?: string
  /** Images that pass through the model at once, and for which the event loop waits. Default 16. */
  readonly batchSize?: number
}

/** How a loaded model reads images. */
export interface ImageSettings {
  readonly transforms: ImageTransforms
  readonly channelsLast: boolean
  /** Threads that decode. */
  readonly workers: number
}

/** Files that a message names. */
const NAMED = 10

/**
 * A trained model that turns image files into vectors, in the process that loaded it. Free it when it is not needed any
 * more, or declare it with `using`.
 */
export class LoadedModel implements Disposable {
  /** Length of a vector. */
  readonly width: number
  /** Names of the trunk's features, for `layer`. */
  readonly layers: readonly string[]
  readonly #model: SslModel
  readonly #images: ImageSettings
  readonly #layer: string | undefined
  #isFree = false

  /**
   * @param model owned by this one from now on
   * @param layer whose vectors `embed` gives by default; undefined: the model's output
   * @throws VisslError for an unknown layer, and for a model whose output is not one of a single image
   */
  constructor(model: SslModel, images: ImageSettings, layer: string | undefined) {
    this.#model = model.eval()
    this.#images = images
    this.#layer = layer
    this.layers = Object.keys(model.trunk.features())
    const { height, width } = images.transforms
    this.width = scope(() => this.#vectors(ops.zeros([1, 3, height, width]), layer).shape[1]!)
  }

  /**
   * Embeds image files. Between two batches the event loop has its turn.
   *
   * @param files paths; relative ones belong to the working folder
   * @returns one vector an image, in the order of the files, one after another
   * @throws VisslError that names the files that are missing or cannot be decoded; for an unknown layer
   */
  async embed(files: readonly string[], options: EmbedOptions = {}): Promise<Float32Array> {
    this.#requireUsable()
    const { layer = this.#layer, batchSize = 16 } = options
    if (!Number.isInteger(batchSize) || batchSize < 1) {
      throw new VisslError(ExitCode.usage, `batchSize is ${batchSize}`, 'give a whole number from 1 on')
    }
    if (layer !== undefined) this.#model.trunk.plan([layer])
    const paths = checkedPaths(files)
    if (paths.length === 0) return new Float32Array()
    const folder = mkdtempSync(join(tmpdir(), 'vissl-embed-'))
    try {
      const list = join(folder, 'images.json')
      writeFileSync(list, JSON.stringify(paths))
      using loader = this.#open(list, batchSize)
      return await this.#pass(loader, paths, layer)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }

  /** Frees the weights. */
  free(): void {
    if (!this.#isFree) this.#model.free()
    this.#isFree = true
  }

  [Symbol.dispose](): void {
    this.free()
  }

  async #pass(loader: Loader, paths: readonly string[], layer: string | undefined): Promise<Float32Array> {
    let result: Float32Array | undefined
    let done = 0
    for await (const batch of loader.epoch(0)) {
      this.#requireUsable()
      requireDecoded(loader, paths)
      scope(() => {
        const vectors = this.#vectors(batch.take('data.0'), layer)
        result ??= new Float32Array(paths.length * vectors.shape[1]!)
        result.set(vectors.toTypedArray() as Float32Array, done)
        done += vectors.numel
      })
      await yieldToEvents()
    }
    return result ?? new Float32Array()
  }

  /** @returns float32, N×D */
  #vectors(images: Tensor, layer: string | undefined): Tensor {
    return noGrad(() => {
      const { trunk } = this.#model
      const [output] = layer === undefined ? this.#output(images) : trunk.call(images, [layer])
      const flat = output!.shape.length === 4 ? output!.mean([2, 3]) : output!.flatten(1)
      return flat.to('float32').contiguous()
    })
  }

  #output(images: Tensor): Tensor[] {
    try {
      return this.#model.call(images)
    } catch (error) {
      throw new VisslError(
        ExitCode.usage,
        `the model's output cannot be computed from single images: ${(error as Error).message}`,
        `use a feature of its trunk: load(…, { layer: '${this.layers.at(-1)}' })`,
        { cause: error },
      )
    }
  }

  #open(list: string, batchSize: number): Loader {
    const { transforms, channelsLast, workers } = this.#images
    return createLoader({
      split: {
        DATA_SOURCES: ['disk_filelist'],
        DATA_PATHS: [list],
        LABEL_TYPE: 'zero',
        TRANSFORMS: transforms.list,
        COLLATE_FUNCTION: 'default_collate',
        BATCHSIZE_PER_REPLICA: batchSize,
        DROP_LAST: false,
      },
      splitName: 'TEST',
      order: 'sequential',
      workers,
      channelsLast,
      maxFailed: 1,
    })
  }

  #requireUsable(): void {
    if (!this.#isFree) return
    throw new VisslError(ExitCode.usage, 'the model has been freed', 'load it again')
  }
}

/** Absolute paths of files that are there. */
function checkedPaths(files: readonly string[]): string[] {
  if (!Array.isArray(files)) {
    throw new VisslError(ExitCode.usage, 'embed was not given a list of files', "write  embed(['a.jpg'])")
  }
  const stranger = files.findIndex((file) => typeof file !== 'string')
  if (stranger >= 0) {
    throw new VisslError(ExitCode.usage, `files[${stranger}] is no path`, 'give paths of image files')
  }
  const paths = files.map((file) => resolve(file))
  const missing = paths.filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() !== true)
  if (missing.length === 0) return paths
  throw new VisslError(
    ExitCode.data,
    `${missing.length} of ${paths.length} files are not there:${lines(missing)}`,
    'give paths of image files',
  )
}

function requireDecoded({ failures }: Loader, paths: readonly string[]): void {
  if (failures.length === 0) return
  const named = failures.map(({ sample, name, reason }) => `${paths[sample] ?? name}: ${reason}`)
  throw new VisslError(
    ExitCode.data,
    `${failures.length} of ${paths.length} files cannot be decoded:${lines(named)}`,
    'repair these files, or leave them out',
  )
}

function lines(items: readonly string[]): string {
  const shown = items.slice(0, NAMED).map((item) => `\n  ${item}`)
  return shown.join('') + (items.length > NAMED ? `\n  and ${items.length - NAMED} more` : '')
}
