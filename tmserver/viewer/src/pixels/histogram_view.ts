/** The histogram of a channel, drawn below the handles of its window. */

import { element } from '../page/dom';
import { percentile } from './contrast';
import { binned } from './histogram';

const [WIDTH, HEIGHT] = [256, 44];

export interface HistogramView {
  readonly element: HTMLCanvasElement;
  /** Shows counts of all intensities, up to the one at the right edge. */
  show(counts: Uint32Array, end: number): void;
}

/** What the picture shows, in words. */
export function describeCounts(counts: Uint32Array): string {
  if (counts.every((count) => count === 0)) return 'Nothing of this channel is in view';
  const [first, half, last] = [0, 0.5, 1].map((share) => percentile(counts, share));
  return `Intensities in view: ${first} to ${last}, half of them up to ${half}`;
}

export function histogramView(testId: string): HistogramView {
  const canvas = element('canvas', {
    class: 'histogram',
    width: String(WIDTH),
    height: String(HEIGHT),
    role: 'img',
    'aria-label': 'Intensities in view',
    'data-testid': testId,
  });
  const context = canvas.getContext('2d');
  return {
    element: canvas,
    show: (counts, end) => {
      canvas.setAttribute('aria-label', describeCounts(counts));
      canvas.title = describeCounts(counts);
      if (context === null) return;
      const bins = binned(counts, end, WIDTH);
      const largest = Math.log1p(Math.max(...bins));
      context.clearRect(0, 0, WIDTH, HEIGHT);
      context.fillStyle = '#98a2b3';
      bins.forEach((count, bin) => {
        // Few bright pixels are what matters of most images: they would not be seen beside the ground.
        const height = largest > 0 ? (HEIGHT * Math.log1p(count)) / largest : 0;
        context.fillRect(bin, HEIGHT - height, 1, height);
      });
    },
  };
}
