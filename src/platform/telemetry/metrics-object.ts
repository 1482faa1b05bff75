import { DurableObject } from 'cloudflare:workers';
import { addSeries, type MetricsBatch, type Series, type SeriesTable } from '../rules/metrics.ts';

/** An isolate that has been silent for this long repeats no batch. */
const senderMemoryMs = 3_600_000;

type Gathered = {
  readonly series: SeriesTable;
  /** The last batch of each isolate. */
  readonly senders: Map<string, { readonly sequence: number; readonly atMs: number }>;
};

/**
 * The one object that adds up the counts of all isolates. Every batch goes to disk, because an object without traffic is
 * evicted, and Prometheus reads a counter that goes back as new events.
 */
export class MetricsGatherer extends DurableObject {
  readonly #gathered = this.ctx.storage.kv.get<Gathered>('gathered') ?? {
    series: new Map(),
    senders: new Map(),
  };

  /** Adds a batch once: a sender that got no answer sends it again. */
  add({ isolate, sequence, series }: MetricsBatch): void {
    const nowMs = Date.now();
    const { series: known, senders } = this.#gathered;
    if ((senders.get(isolate)?.sequence ?? 0) >= sequence) return;
    for (const counted of series) addSeries(known, counted);
    senders.set(isolate, { sequence, atMs: nowMs });
    for (const [sender, { atMs }] of senders) if (atMs < nowMs - senderMemoryMs) senders.delete(sender);
    this.ctx.storage.kv.put<Gathered>('gathered', this.#gathered);
  }

  read(): Series[] {
    return [...this.#gathered.series.values()];
  }
}
