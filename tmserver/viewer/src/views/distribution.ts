/** How the values of a column are distributed: a histogram to brush, and a box plot by condition. */

import { messageOf } from '../api';
import type { GroupPage, Histogram } from '../api_types';
import { element } from '../page/dom';
import { formatCount, formatValue } from '../page/format';
import { BoxPlots } from './box_plots';
import type { Condition } from './docked';
import { HistogramPlot } from './histogram_plot';
import { MOST_IDS } from './row_requests';
import type { ObjectView, ViewContext } from './view';

const BINS = 60;

/** Groups in the box plot: more can be read by nobody. */
const GROUPS = 100;

/** Ends of whiskers and of boxes. */
const QUANTILES = [0.05, 0.25, 0.75, 0.95];

/** What objects are grouped by unless something else is chosen. */
const FIRST_GROUP = 'well_name';

export class Distribution implements ObjectView {
  readonly element = element('div', { class: 'distribution' });
  private readonly column = this.choice('Column', 'distribution-column');
  private readonly by = this.choice('Boxes by', 'distribution-by');
  private readonly min = this.bound('Smallest value to select', 'distribution-min');
  private readonly max = this.bound('Largest value to select', 'distribution-max');
  private readonly where = element('span', { class: 'hint', role: 'status', 'data-testid': 'distribution-where' });
  private readonly plot = new HistogramPlot();
  private readonly boxes = new BoxPlots();
  /** Tells late answers from those to what was asked last. */
  private visit = 0;

  constructor(private readonly context: ViewContext) {
    for (const choice of [this.column, this.by]) {
      choice.addEventListener('change', () => {
        this.min.value = this.max.value = '';
        this.context.changed();
      });
    }
    for (const bound of [this.min, this.max]) {
      bound.addEventListener('change', () => {
        this.brush();
      });
    }
    this.plot.onBrush = ([low, high]) => {
      this.min.value = short(low);
      this.max.value = short(high);
      this.brush();
    };
    this.boxes.onChoose = (value) => {
      this.select([{ column: this.by.value, values: [value] }]);
    };
    const filter = element('button', { class: 'small', type: 'button', 'data-testid': 'distribution-filter' }, 'Use as filter');
    filter.addEventListener('click', () => {
      const condition = this.brushed();
      if (condition === undefined) return;
      this.context.rows.filter = [...this.context.rows.filter, condition];
      this.min.value = this.max.value = '';
      this.context.changed();
    });
    this.element.append(
      element('div', { class: 'row' }, this.column, 'by', this.by, 'from', this.min, 'to', this.max, filter, element('span', { class: 'grow' }), this.where),
      element('div', { class: 'distribution-plots' }, this.plot.element, this.boxes.element),
    );
  }

  async refresh(): Promise<void> {
    const visit = ++this.visit;
    this.offerColumns();
    const { rows, selection } = this.context;
    const [column, by] = [this.column.value, this.by.value];
    if (column === '') {
      this.show('', null, null, undefined);
      this.where.textContent = `Nothing is measured of ${rows.typeName}.`;
      return;
    }
    const requests = rows.requests();
    const conditions = rows.conditions();
    const [all, groups] = await Promise.all([
      requests.distribution(column, conditions, BINS),
      by === '' ? undefined : requests.groups(column, by, conditions, QUANTILES, GROUPS),
    ]);
    const { size } = selection.of(rows.typeName);
    const bounds = all.histogram?.edges;
    const ends = [bounds?.[0] ?? 0, bounds?.[bounds.length - 1] ?? 0] as const;
    const isMarked = size > 0 && size <= MOST_IDS && ends[0] < ends[1];
    const selected = isMarked
      ? await requests.distribution(column, [...conditions, rows.amongSelected()], BINS, ends)
      : undefined;
    if (visit !== this.visit) return;
    this.show(column, all.histogram, selected?.histogram, groups);
    const { count, median } = all.statistics;
    this.where.textContent =
      `${formatCount(count)} values` + (median == null ? '' : `, median ${formatValue(median)}`);
  }

  mark(): void {
    // What is selected is in the histogram, which is made anew.
  }

  followsSelection(): boolean {
    return true;
  }

  private show(
    column: string,
    histogram: Histogram | null,
    selected: Histogram | null | undefined,
    groups: GroupPage | undefined,
  ): void {
    this.plot.show(column, histogram, selected ?? null);
    const { edges = [] } = histogram ?? {};
    this.boxes.show(groups, [edges[0] ?? 0, edges[edges.length - 1] ?? 1]);
  }

  /** Numbers can be distributed; texts and whole numbers make groups. */
  private offerColumns(): void {
    const { rows } = this.context;
    const known = [...rows.known];
    const measured = known.filter(([, { type, kind }]) => type === 'float' && kind !== 'metadata');
    const grouping = known.filter(
      ([, { type, kind }]) => type === 'text' || (type !== 'float' && kind !== 'feature'),
    );
    const first = rows.order?.column ?? rows.columns.find((name) => name !== FIRST_GROUP);
    fill(this.column, measured.map(([name]) => name), first);
    fill(this.by, grouping.map(([name]) => name), FIRST_GROUP);
  }

  private brushed(): Condition | undefined {
    const [min, max] = [this.min.valueAsNumber, this.max.valueAsNumber];
    const bounds = {
      ...(Number.isNaN(min) ? {} : { min }),
      ...(Number.isNaN(max) ? {} : { max }),
    };
    return Object.keys(bounds).length === 0 ? undefined : { column: this.column.value, ...bounds };
  }

  private brush(): void {
    const condition = this.brushed();
    if (condition !== undefined) this.select([condition]);
  }

  private select(conditions: readonly Condition[]): void {
    const { rows, selection, report } = this.context;
    selection.replaceBy(rows.typeName, rows.ids(conditions)).catch((error: unknown) => {
      report(messageOf(error));
    });
  }

  private choice(label: string, testId: string): HTMLSelectElement {
    return element('select', { 'aria-label': label, 'data-testid': testId });
  }

  private bound(label: string, testId: string): HTMLInputElement {
    return element('input', { type: 'number', step: 'any', 'aria-label': label, 'data-testid': testId });
  }
}

/** A number with as many digits as a drag can mean. */
function short(value: number): string {
  return String(Number(value.toPrecision(6)));
}

/** Offers names, and keeps the chosen one where it is still among them. */
function fill(choice: HTMLSelectElement, names: readonly string[], first: string | undefined): void {
  const wanted = [choice.value, first].find((name) => name !== undefined && names.includes(name));
  choice.replaceChildren(...names.map((name) => element('option', { value: name }, name)));
  choice.value = wanted ?? names[0] ?? '';
}
