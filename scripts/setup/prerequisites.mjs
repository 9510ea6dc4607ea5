import { statfsSync } from 'node:fs'
import { SetupError } from './error.mjs'
import { capture } from './exec.mjs'
import { atLeast } from './version.mjs'

const NODE = '20.19.0'
const RUST = '1.89.0'
const BUILD_SPACE = 2e9

/** @throws SetupError when this Node or platform cannot run vissl. */
export function checkRuntime(version = process.versions.node, platform = process.platform) {
  if (!atLeast(version, NODE)) {
    throw new SetupError(
      `Node ${version} is too old; vissl needs ${NODE} or newer`,
      'Install a current Node from https://nodejs.org, or with: nvm install 22',
    )
  }
  if (platform !== 'linux') {
    throw new SetupError(
      `vissl builds on Linux; this is ${platform}`,
      'Use a Linux machine, a container, or WSL 2 on Windows.',
    )
  }
}

/**
 * What building the native core needs, all problems in one error.
 *
 * @param probe runs a command and returns its output, undefined where it is missing (replaced in tests)
 * @returns `{ rustc }`: the compiler's version line, part of the build's stamp
 */
export function checkToolchain(probe = capture, env = process.env) {
  const problems = []
  const rustc = probe('rustc', ['--version'])
  const cargo = probe('cargo', ['--version'])
  const rustFix =
    'install it from https://rustup.rs (curl --proto =https --tlsv1.2 -sSf https://sh.rustup.rs | sh), then open a new terminal'
  if (!cargo || !rustc) problems.push([`${cargo ? 'rustc' : 'cargo'} (Rust) is missing`, rustFix])
  else if (!atLeast(rustc, RUST))
    problems.push([`${rustc} is too old; ${RUST} or newer is needed`, 'run: rustup update stable'])
  const compilers = env.CXX ? [env.CXX] : ['c++', 'g++', 'clang++']
  if (!compilers.some((name) => probe(name, ['--version']) !== undefined)) {
    problems.push([
      'a C++ compiler is missing',
      'install one: apt install g++, dnf install gcc-c++, or pacman -S gcc',
    ])
  }
  if (problems.length > 0) {
    throw new SetupError(
      problems.map(([what]) => what).join('; '),
      problems.map(([, fix]) => fix).join('\n       '),
    )
  }
  return { rustc }
}

/** @throws SetupError when the disk that `root` lies on has too little room for a build. */
export function checkBuildSpace(root) {
  const { bavail, bsize } = statfsSync(root)
  if (bavail * bsize < BUILD_SPACE) {
    throw new SetupError(
      `${root} has ${((bavail * bsize) / 1e9).toFixed(1)} GB free; building needs ${BUILD_SPACE / 1e9} GB`,
      'Free some space, or set CARGO_TARGET_DIR to a folder on a larger disk.',
    )
  }
}
