/** A few workers that decode tiles in turn. */

import type { DecodeAnswer, DecodeRequest } from './decode_worker';
import type { IntensityTile } from './intensity_tiles';

/** More would only wait for each other, and for the main thread that draws what they have made. */
const MOST_WORKERS = 4;

interface Waiting {
  readonly resolve: (tile: IntensityTile) => void;
  readonly reject: (reason: Error) => void;
}

export class Decoders {
  private readonly workers: Worker[] = [];
  private readonly waiting = new Map<number, Waiting>();
  private next = 0;

  /** Decodes a PNG, which cannot be used by anybody else afterwards. */
  decode(png: ArrayBuffer): Promise<IntensityTile> {
    const number = this.next++;
    const request: DecodeRequest = { number, png };
    return new Promise((resolve, reject) => {
      this.waiting.set(number, { resolve, reject });
      this.worker(number).postMessage(request, [png]);
    });
  }

  dispose(): void {
    for (const worker of this.workers) worker.terminate();
    this.workers.length = 0;
    this.waiting.clear();
  }

  /** Workers are started when they are needed first. */
  private worker(number: number): Worker {
    const most = Math.min(MOST_WORKERS, Math.max(1, navigator.hardwareConcurrency - 1));
    const found = this.workers[number % most];
    if (found !== undefined) return found;
    const worker = new Worker(new URL('./decode_worker.ts', import.meta.url), { type: 'module' });
    worker.addEventListener('message', ({ data }: MessageEvent<DecodeAnswer>) => {
      const waiting = this.waiting.get(data.number);
      this.waiting.delete(data.number);
      if (data.intensities !== null) waiting?.resolve(data.intensities);
      else waiting?.reject(new Error('A part of the picture cannot be read: the answer is no image.'));
    });
    worker.addEventListener('error', () => {
      for (const { reject } of this.waiting.values()) {
        reject(new Error('This browser cannot decode the images: it does not run our worker.'));
      }
      this.waiting.clear();
    });
    this.workers.push(worker);
    return worker;
  }
}
