import type { CommandEntry } from './command.ts'

/** All commands, one file each; names of two words belong together in help. */
export const commands: ReadonlyMap<string, CommandEntry> = new Map<string, CommandEntry>([
  [
    'train',
    {
      summary: 'train on a folder of images, or as a configuration says',
      load: async () => (await import('./train.ts')).train,
    },
  ],
  [
    'config show',
    {
      summary: 'print a composed configuration',
      load: async () => (await import('./config-show.ts')).configShow,
    },
  ],
])
