import { host } from '../engine/host.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { decodeTree, encodeTree } from './torch-tree.ts'
import type { TorchValue } from './torch-value.ts'

export {
  dictEntries,
  Float,
  orderedDict,
  orderedDictAttributes,
  Placeholder,
  type StoredDtype,
  StoredTensor,
  storedDtypes,
  type TorchObject,
  type TorchValue,
  Tuple,
} from './torch-value.ts'

interface CheckpointAddon {
  readTorchFile(path: string, verify: 'present' | 'required' | 'no'): { tree: string; buffers: Uint8Array[] }
  writeTorchFile(path: string, tree: string, buffers: Uint8Array[]): void
  writeTorchFileLater(path: string, tree: string, buffers: Uint8Array[]): Promise<void>
  writeFileAtomically(path: string, bytes: Uint8Array): void
  checkFileDigest(path: string): boolean
}

/**
 * Writes a file that Python's `torch.load` opens (PyTorch 1.6 and later, `weights_only` too), with its SHA-256
 * digest in `path.sha256`. Both appear whole or not at all: killed at any point, the old file or the new one is
 * there. Returns when they are on the disk.
 *
 * @throws VisslError for a value that has no Python form (names its place), a full disk, a missing folder or
 *   permission; the old file is then untouched and nothing is left behind
 */
export function saveTorchFile(path: string, value: TorchValue): void {
  const { tree, buffers } = encodeTree(value)
  native((addon) => addon.writeTorchFile(path, tree, buffers))
}

/**
 * As {@link saveTorchFile}, on another thread. Tensors in `value` must not change until the promise is settled.
 *
 * @throws VisslError at once for a value that has no Python form; the promise is rejected for the rest
 */
export function saveTorchFileLater(path: string, value: TorchValue): Promise<void> {
  const { tree, buffers } = encodeTree(value)
  return host<CheckpointAddon>()
    .writeTorchFileLater(path, tree, buffers)
    .catch((error: unknown) => {
      throw visslError(error)
    })
}

/**
 * Reads a file of `torch.save`, or of safetensors, without executing anything: classes beyond tensors and plain values become a
 * {@link Placeholder}. Dicts are plain objects where all keys are strings, except whole numbers like `'0'`, whose
 * order objects do not keep; those and other dicts are Maps. {@link dictEntries} reads both.
 *
 * @param options.verify unset: compare with `path.sha256` where it exists; true: it must exist; false: do not look
 * @param options.exactFloats give Python floats as {@link Float}, so that saving again keeps `1.0` a float
 * @throws VisslError for a missing, cut, corrupt or hostile file
 */
export function loadTorchFile(
  path: string,
  options: { verify?: boolean; exactFloats?: boolean } = {},
): TorchValue {
  const verify = options.verify === undefined ? 'present' : options.verify ? 'required' : 'no'
  const { tree, buffers } = native((addon) => addon.readTorchFile(path, verify))
  return decodeTree(tree, buffers, options.exactFloats ?? false)
}

/** Replaces a file by `bytes`, whole or not at all. @throws VisslError as {@link saveTorchFile} does */
export function writeFileAtomically(path: string, bytes: Uint8Array): void {
  native((addon) => addon.writeFileAtomically(path, bytes))
}

/**
 * True when a file matches the digest beside it, false when it has none.
 *
 * @throws VisslError "corrupt checkpoint" when they differ
 */
export function checkFileDigest(path: string): boolean {
  return native((addon) => addon.checkFileDigest(path))
}

const exitCodes: Record<string, ExitCode> = {
  data: ExitCode.data,
  environment: ExitCode.environment,
  usage: ExitCode.usage,
}

function native<T>(run: (addon: CheckpointAddon) => T): T {
  const addon = host<CheckpointAddon>()
  try {
    return run(addon)
  } catch (error) {
    throw visslError(error)
  }
}

function visslError(error: unknown): VisslError {
  const { kind, message, fix } = parseReason(error)
  return new VisslError(exitCodes[kind] ?? ExitCode.internal, message, fix, { cause: error })
}

function parseReason(error: unknown): { kind: string; message: string; fix?: string } {
  const reason = error instanceof Error ? error.message : String(error)
  try {
    return JSON.parse(reason) as { kind: string; message: string; fix?: string }
  } catch {
    return { kind: 'internal', message: reason }
  }
}
