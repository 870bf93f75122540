/** A histogram, and within it that of the selection; a drag over it is a range of values. */

import type { Histogram } from '../api_types';
import { element } from '../page/dom';
import { formatCount, formatValue } from '../page/format';

/** The value at a share of the width of a histogram. */
export function valueAt(edges: readonly number[], share: number): number {
  const [low, high] = [edges[0] ?? 0, edges[edges.length - 1] ?? 0];
  return low + Math.min(1, Math.max(0, share)) * (high - low);
}

export class HistogramPlot {
  readonly element: HTMLElement;
  private readonly bars = element('div', { class: 'histogram-bars', role: 'img', 'data-testid': 'distribution-histogram' });
  private readonly brush = element('div', { class: 'histogram-brush', hidden: true });
  private readonly ends = [element('span'), element('span')] as const;
  private edges: readonly number[] = [];
  /** Where a drag has begun, as a share of the width. */
  private from: number | undefined;

  /** Called with the ends of a range that was dragged over. */
  onBrush: ((range: readonly [number, number]) => void) | undefined;

  constructor() {
    this.bars.addEventListener('pointerdown', (event) => {
      this.bars.setPointerCapture(event.pointerId);
      this.from = this.share(event);
    });
    this.bars.addEventListener('pointermove', (event) => {
      if (this.from !== undefined) this.cover(this.from, this.share(event));
    });
    this.bars.addEventListener('pointerup', (event) => {
      const [from, to] = [this.from ?? 0, this.share(event)];
      this.from = undefined;
      this.brush.hidden = true;
      if (from === to) return;
      const range = [from, to].sort((one, other) => one - other);
      const [low = 0, high = 0] = range.map((share) => valueAt(this.edges, share));
      this.onBrush?.([low, high]);
    });
    this.element = element(
      'div',
      { class: 'histogram-plot' },
      this.bars,
      element('div', { class: 'histogram-ends' }, ...this.ends),
    );
  }

  show(column: string, all: Histogram | null, selected: Histogram | null): void {
    this.edges = all?.edges ?? [];
    const { counts = [] } = all ?? {};
    const largest = Math.max(1, ...counts);
    const [low, high] = [0, 1].map((share) => formatValue(valueAt(this.edges, share)));
    this.ends[0].textContent = low ?? '';
    this.ends[1].textContent = high ?? '';
    this.bars.setAttribute('aria-label', `Histogram of ${column}, from ${low} to ${high}`);
    this.bars.replaceChildren(
      ...counts.map((count, bin) => {
        const chosen = selected?.counts[bin] ?? 0;
        const bar = element('div', { class: 'bin', title: this.text(bin, count, chosen) });
        bar.style.height = `${(count / largest) * 100}%`;
        bar.style.setProperty('--selected', `${count === 0 ? 0 : (chosen / count) * 100}%`);
        return bar;
      }),
      this.brush,
    );
  }

  private text(bin: number, count: number, chosen: number): string {
    const [low, high] = [this.edges[bin] ?? 0, this.edges[bin + 1] ?? 0].map(formatValue);
    const selected = chosen > 0 ? `, ${formatCount(chosen)} selected` : '';
    return `${low} to ${high}: ${formatCount(count)}${selected}`;
  }

  private share(event: PointerEvent): number {
    const { left, width } = this.bars.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - left) / width));
  }

  private cover(from: number, to: number): void {
    this.brush.hidden = false;
    this.brush.style.left = `${Math.min(from, to) * 100}%`;
    this.brush.style.width = `${Math.abs(to - from) * 100}%`;
  }
}
