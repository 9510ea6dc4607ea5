import type { DataSplit } from '../ts/data/index.ts'

/** Two views at 224 as SimCLR makes them, normalised floats. */
export const twoViews: DataSplit['TRANSFORMS'] = [
  { name: 'ImgReplicatePil', num_times: 2 },
  { name: 'RandomResizedCrop', size: 224 },
  { name: 'RandomHorizontalFlip', p: 0.5 },
  { name: 'ImgPilColorDistortion', strength: 1 },
  { name: 'ImgPilGaussianBlur', p: 0.5, radius_min: 0.1, radius_max: 2 },
  { name: 'ToTensor' },
  { name: 'Normalize', mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
]
