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
      summary: 'print a configuration, composed and inferred',
      load: async () => (await import('./config-show.ts')).configShow,
    },
  ],
  [
    'config explain',
    {
      summary: 'say what a key means and where its value comes from',
      load: async () => (await import('./config-explain.ts')).configExplain,
    },
  ],
  [
    'config list',
    {
      summary: 'list all configurations',
      load: async () => (await import('./config-list.ts')).configList,
    },
  ],
  [
    'config diff',
    {
      summary: 'say in which keys two configurations differ',
      load: async () => (await import('./config-diff.ts')).configDiff,
    },
  ],
  [
    'config check',
    {
      summary: 'check configurations as training would',
      load: async () => (await import('./config-check.ts')).configCheck,
    },
  ],
  [
    'config schema',
    {
      summary: 'print the JSON Schema of configuration files, for editors',
      load: async () => (await import('./config-schema.ts')).configSchemaCommand,
    },
  ],
  [
    'config plot-lr',
    {
      summary: 'draw the learning rate over training',
      load: async () => (await import('./config-plot-lr.ts')).configPlotLr,
    },
  ],
  [
    'data list',
    {
      summary: 'list the data sets that have a name, and where they lie',
      load: async () => (await import('./data-list.ts')).dataList,
    },
  ],
  [
    'data check',
    {
      summary: 'look for broken images and duplicates',
      load: async () => (await import('./data-check.ts')).dataCheck,
    },
  ],
  [
    'data get',
    {
      summary: 'fetch a data set',
      load: async () => (await import('./data-get.ts')).dataGet,
    },
  ],
  [
    'data register',
    {
      summary: 'write down where a data set lies',
      load: async () => (await import('./data-register.ts')).dataRegister,
    },
  ],
  [
    'data preview',
    {
      summary: 'write a picture of what the model gets',
      load: async () => (await import('./data-preview.ts')).dataPreview,
    },
  ],
  [
    'data prepare',
    {
      summary: 'make the lists of ImageNet, Pascal VOC and COCO, and jigsaw permutations',
      load: async () => (await import('./data-prepare.ts')).dataPrepare,
    },
  ],
  [
    'doctor',
    {
      summary: 'check what vissl needs of this machine',
      load: async () => (await import('./doctor.ts')).doctor,
    },
  ],
  [
    'model show',
    {
      summary: 'show the model of a configuration: features, parameters, multiply-adds',
      load: async () => (await import('./model-show.ts')).modelShow,
    },
  ],
  [
    'model list',
    {
      summary: 'list every network with a name, trunks and heads',
      load: async () => (await import('./model-list.ts')).modelList,
    },
  ],
])
