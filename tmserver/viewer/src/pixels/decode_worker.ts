/** Decodes 16-bit PNG away from the main thread: browsers themselves keep 8 bits of each pixel. */

import { decode } from 'fast-png';

/** A tile to decode; the answer has the same number. */
export interface DecodeRequest {
  readonly number: number;
  readonly png: ArrayBuffer;
}

export interface DecodeAnswer {
  readonly number: number;
  /** Null when the content is no gray image with 16 bits. */
  readonly intensities: Uint16Array<ArrayBuffer> | null;
}

/** The intensities of a gray PNG with 16 bits, row by row from the top left. */
export function decodeTile(png: ArrayBuffer): Uint16Array<ArrayBuffer> | null {
  try {
    const { data, channels } = decode(png);
    if (!(data instanceof Uint16Array) || channels !== 1) return null;
    return data as Uint16Array<ArrayBuffer>;
  } catch {
    return null;
  }
}

/** Vitest has no workers and imports this for `decodeTile` alone. */
if (typeof self !== 'undefined' && 'DedicatedWorkerGlobalScope' in self) {
  self.addEventListener('message', ({ data }: MessageEvent<DecodeRequest>) => {
    const intensities = decodeTile(data.png);
    const answer: DecodeAnswer = { number: data.number, intensities };
    const moved = intensities === null ? [] : [intensities.buffer];
    self.postMessage(answer, { transfer: moved });
  });
}
