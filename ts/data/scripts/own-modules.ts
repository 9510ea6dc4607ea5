import { register } from 'node:module'

/** Strips the types of plug-ins; the package has no declarations for this entry. */
const OXC_REGISTER: string = '@oxc-node/core/register'

let registered: Promise<void> | undefined

/**
 * Makes modules of the user's own importable in this thread: TypeScript is understood, and `import … from 'vissl'` means
 * the running package wherever the file lies.
 */
export function acceptOwnModules(): Promise<void> {
  registered ??= (async () => {
    const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js'
    const index = new URL(`../../index${extension}`, import.meta.url).href
    await import(OXC_REGISTER)
    register(`./resolve-vissl${extension}`, { parentURL: import.meta.url, data: { index } })
  })()
  return registered
}
