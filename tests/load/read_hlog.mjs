// Reads an interval log with an implementation that is not ours; prints what it found as JSON.
//   node read_hlog.mjs FOLDER_OF_NODE_MODULES FILE
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [folder, file] = process.argv.slice(2);
const hdr = createRequire(`${folder}/package.json`)("hdr-histogram-js");
const reader = new hdr.HistogramLogReader(readFileSync(file, "utf8"), 64);
const all = hdr.build({
  lowestDiscernibleValue: 1,
  highestTrackableValue: 3600000000,
  numberOfSignificantValueDigits: 3,
  bitBucketSize: 64,
});
let intervals = 0;
let start = null;
for (let each = reader.nextIntervalHistogram(); each; each = reader.nextIntervalHistogram()) {
  start ??= each.startTimeStampMsec;
  intervals += 1;
  all.add(each);
}
const at = (percentile) => all.getValueAtPercentile(percentile);
console.log(
  JSON.stringify({
    intervals,
    start,
    count: all.totalCount,
    min: all.minNonZeroValue,
    max: all.maxValue,
    mean: all.mean,
    stddev: all.stdDeviation,
    p50: at(50),
    p90: at(90),
    p95: at(95),
    p99: at(99),
    p999: at(99.9),
    spectrum: all.outputPercentileDistribution(5, 1000),
  }),
);
