export { AccuracyListMeter } from './accuracy-list.ts'
export { type Meter, type MeterClass, type MeterValue, meters } from './meter.ts'
