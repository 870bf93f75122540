/** Crops of objects side by side, all of the same scale, in the channels as the map shows them. */

import { valueText } from '../objects/object_card';
import { element } from '../page/dom';
import { formatCount, formatValue } from '../page/format';
import { scaleBar } from '../plate/scale_bar';
import type { Condition } from './docked';
import { PLACE, placesOf } from './row_requests';
import type { ObjectView, PlacedObject, ViewContext } from './view';

/** Crops on a page: with three channels these are up to 72 tiles at once. */
const PAGE_CROPS = 24;

/** Sides of a crop in pixels of the map, and on the screen. */
const SIDES = [32, 64, 128, 256];
const SCREEN_SIDE = 104;

/** How much of a crop the scale bar may take. */
const BAR_SHARE = 0.6;

const SOURCES = { rows: 'All shown, in order', selection: 'Selection', sample: 'Random sample' };
type Source = keyof typeof SOURCES;

interface Crop extends PlacedObject {
  readonly caption: string;
  readonly button: HTMLButtonElement;
  readonly canvas: HTMLCanvasElement;
}

/** The sides of crops in words, in micrometres where these are known. */
function sideNames(pixelSize: number | null): Record<string, string> {
  const size = (side: number) =>
    pixelSize === null ? `${side} px` : `${formatValue(Number((side * pixelSize).toPrecision(2)))} µm`;
  return Object.fromEntries(SIDES.map((side) => [String(side), size(side)]));
}

/** So many different whole numbers below a limit, by chance. */
export function drawn(count: number, limit: number, random: () => number = Math.random): number[] {
  const found = new Set<number>();
  while (found.size < Math.min(count, limit)) found.add(Math.floor(random() * limit));
  return [...found];
}

export class Gallery implements ObjectView {
  readonly element = element('div', { class: 'gallery' });
  private readonly source = this.choice('Objects of the gallery', 'gallery-source', SOURCES);
  private readonly side: HTMLSelectElement;
  private readonly again = this.button('Draw again', 'Draw again another sample', 'gallery-again', 0);
  private readonly back = this.button('←', 'Previous page', 'gallery-back', -PAGE_CROPS);
  private readonly next = this.button('→', 'Next page', 'gallery-next', PAGE_CROPS);
  private readonly where = element('span', { class: 'hint', role: 'status', 'data-testid': 'gallery-where' });
  private readonly bar = element('span', { class: 'gallery-bar', 'data-testid': 'gallery-scale' });
  private readonly list = element('ul', { class: 'crops', 'data-testid': 'gallery' });
  private crops: readonly Crop[] = [];
  /** Of what type they are; another one may be asked for already. */
  private typeName = '';
  private offset = 0;
  /** What the page on show was asked for with, without its place. */
  private asked = '';
  /** Tells late answers from those to what was asked last. */
  private visit = 0;

  constructor(private readonly context: ViewContext) {
    this.side = this.choice('Side of the crops', 'gallery-side', sideNames(context.pixelSize));
    this.side.value = String(SIDES[1]);
    this.source.addEventListener('change', () => {
      this.offset = 0;
      this.context.changed();
    });
    this.side.addEventListener('change', () => {
      this.repaint();
    });
    this.element.append(
      element('div', { class: 'row' }, this.source, this.side, this.bar, this.again, element('span', { class: 'grow' }), this.where, this.back, this.next),
      this.list,
    );
  }

  async refresh(): Promise<void> {
    const { rows } = this.context;
    const visit = ++this.visit;
    const source = this.source.value as Source;
    const conditions = source === 'selection' ? [rows.amongSelected()] : rows.conditions();
    const { typeName } = rows;
    const asked = `${source} ${rows.asked(conditions)}`;
    if (asked !== this.asked) this.offset = 0;
    this.asked = asked;
    const [found, nRows] = await (source === 'sample' ? this.sample(conditions) : this.page(conditions));
    if (visit !== this.visit) return;
    this.again.hidden = source !== 'sample';
    this.back.hidden = this.next.hidden = source === 'sample';
    this.back.disabled = this.offset === 0;
    this.next.disabled = this.offset + found.length >= nRows;
    const shown =
      source === 'sample'
        ? formatCount(found.length)
        : `${formatCount(this.offset + 1)} to ${formatCount(this.offset + found.length)}`;
    this.where.textContent =
      found.length === 0 ? 'There are no objects to show.' : `${shown} of ${formatCount(nRows)}`;
    this.typeName = typeName;
    this.crops = found.map((row) => this.crop(row));
    this.list.replaceChildren(...this.crops.map(({ button }) => element('li', {}, button)));
    this.mark();
    this.repaint();
  }

  mark(): void {
    const { selection, current } = this.context;
    const selected = selection.of(this.typeName);
    for (const { id, caption, button } of this.crops) {
      const isSelected = selected.has(id);
      const parts = [`${this.typeName} ${id}`, caption, isSelected ? 'selected' : ''];
      button.setAttribute('aria-label', parts.filter((part) => part !== '').join(', '));
      button.classList.toggle('selected', isSelected);
      if (id === current()) button.setAttribute('aria-current', 'true');
      else button.removeAttribute('aria-current');
    }
  }

  followsSelection(): boolean {
    return this.source.value === 'selection';
  }

  repaint(): void {
    const side = Number(this.side.value);
    const { label, pixels } = scaleBar(BAR_SHARE * side, this.context.pixelSize);
    const length = `${Math.round((pixels / side) * SCREEN_SIDE)}px`;
    this.element.style.setProperty('--bar', length);
    this.bar.textContent = label;
    for (const { x, y, canvas } of this.crops) {
      const [left, top] = [Math.round(x - side / 2), Math.round(y - side / 2)];
      this.context.draw(canvas, { left, top, size: side }).catch(() => {
        // The map says which tiles are missing.
      });
    }
  }

  private columns(): string[] {
    const { order } = this.context.rows;
    return order === undefined ? PLACE : [...PLACE, order.column];
  }

  private async page(conditions: readonly Condition[]): Promise<[readonly unknown[][], number]> {
    const { rows } = this.context;
    const page = await rows
      .requests()
      .page(this.columns(), conditions, rows.order, this.offset, PAGE_CROPS);
    return [page.rows.map((row) => [...row]), page.n_rows];
  }

  /** Rows from anywhere in the table, each by its place. */
  private async sample(conditions: readonly Condition[]): Promise<[readonly unknown[][], number]> {
    const requests = this.context.rows.requests();
    const { n_rows: nRows } = await requests.page(PLACE, conditions, undefined, 0, 1);
    const pages = await Promise.all(
      drawn(PAGE_CROPS, nRows).map((place) =>
        requests.page(this.columns(), conditions, undefined, place, 1),
      ),
    );
    return [pages.flatMap((page) => page.rows.map((row) => [...row])), nRows];
  }

  private crop(row: readonly unknown[]): Crop {
    const { selection, go } = this.context;
    const [object] = placesOf([row]);
    const { id, x, y } = object ?? { id: 0, x: 0, y: 0 };
    const value = row[PLACE.length];
    const caption = value === undefined ? '' : valueText(value);
    const canvas = element('canvas', { width: '1', height: '1' });
    const button = element(
      'button',
      { class: 'gallery-crop', type: 'button', 'data-testid': `crop-${id}` },
      canvas,
      element('span', {}, caption === '' ? String(id) : caption),
    );
    button.addEventListener('click', (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) selection.toggle(this.typeName, [id]);
      else go(this.typeName, { id, x, y });
    });
    return { id, x, y, caption, button, canvas };
  }

  private choice(label: string, testId: string, names: Record<string, string>): HTMLSelectElement {
    const options = Object.entries(names).map(([value, text]) => element('option', { value }, text));
    return element('select', { 'aria-label': label, 'data-testid': testId }, ...options);
  }

  private button(text: string, label: string, testId: string, step: number): HTMLButtonElement {
    const attributes = { class: 'small', type: 'button', title: label, 'data-testid': testId };
    const made = element('button', { ...attributes, 'aria-label': label }, text);
    made.addEventListener('click', () => {
      this.offset = Math.max(0, this.offset + step);
      this.context.changed();
    });
    return made;
  }
}
