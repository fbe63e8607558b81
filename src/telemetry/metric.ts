/** What a metric is: declared once, read at scrape. `data_metrics.ts` and `process_metrics.ts` hold them all. */

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels?: Labels;
  readonly value: number;
}

/** Of one label set: counts of each bucket (not added up), the last one without a bound, and the sum of what was observed. */
export interface HistogramSample {
  readonly labels?: Labels;
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  readonly sum: number;
}

interface Declared {
  readonly name: string;
  /** What one is of: records, bytes, seconds; for the reference, the name says it too. */
  readonly unit: string;
  readonly labels: readonly string[];
  /** One sentence, which scrapes show. */
  readonly help: string;
  /** Where the number comes from, for the reference. */
  readonly source: string;
}

/** A metric that is read from `Facts`. Amounts that are the same for nobody are left out rather than said to be 0. */
export type Metric<Facts> = Declared &
  (
    | { readonly type: "counter" | "gauge"; readonly read: (facts: Facts) => Iterable<Sample> }
    | { readonly type: "histogram"; readonly read: (facts: Facts) => Iterable<HistogramSample> }
  );

/** A metric as it is at a scrape. */
export interface ReadMetric {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly values: readonly { readonly metricName?: string; readonly labels: Labels; readonly value: number }[];
}

/** Reads it. Buckets are added up here, as the exposition formats want them. */
export function readMetric<Facts>(metric: Metric<Facts>, facts: Facts): ReadMetric {
  const { name, help, type } = metric;
  if (metric.type !== "histogram") {
    const values = [...metric.read(facts)].map(({ labels = {}, value }) => ({ labels, value }));
    return { name, help, type, values };
  }
  const values = [...metric.read(facts)].flatMap(({ labels = {}, bounds, counts, sum }) => {
    let total = 0;
    const buckets = counts.map((count, index) => {
      total += count;
      const le = index < bounds.length ? String(bounds[index]) : "+Inf";
      return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: total };
    });
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels, value: sum },
      { metricName: `${name}_count`, labels, value: total },
    ];
  });
  return { name, help, type, values };
}
