/** The wells of a plate in their layout: coloured by a figure, a click goes there. */

import type { Api } from '../api';
import { experimentPath, messageOf } from '../api';
import type { MapobjectType, Plate } from '../api_types';
import type { Colouring } from '../objects/colouring';
import { classes, scale } from '../objects/legend';
import { element } from '../page/dom';
import { counted, formatValue, listed } from '../page/format';
import type { WellPicker } from '../tools/controls_field';
import { conditionTableRow } from './condition_table';
import type { PlateMap } from './map';
import { MiniMap } from './mini_map';
import type { Figure } from './well_figures';
import { conditionNames, figureColouring, figureName } from './well_figures';
import type { Well } from './wells';
import { fetchWells } from './wells';
import { conditionsOf, wellDrawing } from './well_drawing';
import { addWellLabels } from './well_labels';

export interface WellContext {
  readonly api: Api;
  readonly experimentId: string;
  readonly types: readonly MapobjectType[];
  readonly map: PlateMap;
  readonly tpoint: () => number;
  /** The columns that types are coloured by, whose means wells can have. */
  readonly columnOf: (typeName: string) => string | undefined;
  /** Called when tables have other columns. */
  readonly onConditions: () => void;
  readonly onError: (message: string) => void;
}

const ARROWS = new Map([
  ['ArrowUp', [-1, 0]],
  ['ArrowDown', [1, 0]],
  ['ArrowLeft', [0, -1]],
  ['ArrowRight', [0, 1]],
]);

/** "AB" of row 27. */
export function rowName(row: number): string {
  const last = String.fromCharCode(65 + (row % 26));
  return row < 26 ? last : rowName(Math.floor(row / 26) - 1) + last;
}

export class WellPanel {
  readonly element = element('section', { hidden: true, 'data-testid': 'well-panel' });
  private wells: readonly Well[] = [];
  private plates: readonly Plate[] = [];
  private plate = '';
  private figure: Figure | undefined;
  private colouring: Colouring | undefined;
  private miniMap: MiniMap | undefined;
  /** Tells late figures from those that were chosen last. */
  private asked = 0;
  private readonly grid = element('div', { class: 'wells', role: 'group', 'aria-label': 'Wells of the plate' });
  private readonly legend = element('div', { class: 'well-legend', 'data-testid': 'well-legend' });
  private readonly outcome = element('p', { class: 'hint', role: 'status', 'data-testid': 'conditions-outcome' });

  /** Takes the wells that are clicked, while somebody collects them. */
  private picker: WellPicker | undefined;
  /** Where a drag over wells has begun, and whether it chooses them. */
  private dragged: { readonly from: Well; readonly isChoosing: boolean } | undefined;
  private readonly drawing = element('div');
  private readonly pickHint = element('p', { class: 'hint', role: 'status', 'data-testid': 'well-picking' });

  constructor(private readonly context: WellContext) {
    context.map.olMap.on('moveend', () => {
      this.markPlace();
    });
    this.grid.addEventListener('pointerleave', () => {
      this.dragged = undefined;
    });
    void this.begin();
  }

  private async begin(): Promise<void> {
    const { api, experimentId, map } = this.context;
    try {
      this.plates = await api.plates(experimentId);
      await this.fetch();
    } catch (error) {
      this.context.onError(messageOf(error));
      return;
    }
    const [first] = this.wells;
    if (first === undefined) return;
    this.plate = first.plate;
    addWellLabels(map, this.wells);
    this.miniMap = new MiniMap(map, this.wells);
    this.draw();
  }

  /** The wells of all plates. */
  get all(): readonly Well[] {
    return this.wells;
  }

  /** Gives clicks on wells to somebody who collects them, until another one does or none. */
  pick(picker: WellPicker | undefined): void {
    const before = this.picker;
    this.picker = picker;
    if (before !== picker) before?.stopped();
    this.pickHint.textContent = picker?.hint ?? '';
    this.markPicked();
    if (picker !== undefined && picker !== before) this.element.scrollIntoView({ block: 'nearest' });
  }

  /** Follows the time point on show. */
  refresh(): void {
    if (this.figure !== undefined && this.figure.kind !== 'condition') void this.choose(this.figure);
  }

  private async fetch(): Promise<void> {
    const { api, experimentId, types } = this.context;
    this.wells = await fetchWells(api, experimentId, types);
  }

  private draw(): void {
    const names = [...new Set(this.wells.map(({ plate }) => plate))];
    const plates = element(
      'select',
      { 'aria-label': 'Plate', 'data-testid': 'well-plate', hidden: names.length < 2 },
      ...names.map((name) => element('option', {}, name)),
    );
    plates.value = this.plate;
    plates.addEventListener('change', () => {
      if (this.drawing.childElementCount > 0) this.pick(undefined);
      this.plate = plates.value;
      this.draw();
    });
    this.drawWells();
    this.element.hidden = false;
    this.element.replaceChildren(
      element('h2', {}, 'Wells'),
      plates,
      this.figureChoice(),
      this.pickHint,
      this.grid,
      this.legend,
      this.conditionTable(),
      this.drawing,
      this.outcome,
    );
  }

  private figures(): Figure[] {
    const { types, columnOf } = this.context;
    const segmented = types.filter(({ name }) => !['Plates', 'Wells', 'Sites'].includes(name));
    return [
      ...conditionNames(this.wells).map((name): Figure => ({ kind: 'condition', name })),
      ...segmented.map((type): Figure => ({ kind: 'count', type })),
      ...segmented.flatMap((type): Figure[] => {
        const column = columnOf(type.name);
        return column === undefined ? [] : [{ kind: 'mean', type, column }];
      }),
    ];
  }

  private figureChoice(): HTMLElement {
    const choice = element('select', { 'aria-label': 'Colour wells by', 'data-testid': 'well-figure' });
    let figures: Figure[] = [];
    const fill = () => {
      figures = this.figures();
      const names = figures.map(figureName);
      choice.replaceChildren(
        element('option', { value: '' }, 'Colour wells by …'),
        ...names.map((name) => element('option', {}, name)),
      );
      choice.value = this.figure === undefined ? '' : figureName(this.figure);
    };
    // What there is to choose depends on what the objects are coloured by meanwhile.
    choice.addEventListener('pointerdown', fill);
    choice.addEventListener('focus', fill);
    choice.addEventListener('change', () => {
      void this.choose(figures[choice.selectedIndex - 1]);
    });
    fill();
    return choice;
  }

  private async choose(figure: Figure | undefined): Promise<void> {
    const { api, experimentId, tpoint } = this.context;
    const number = ++this.asked;
    this.figure = figure;
    this.colouring = undefined;
    this.drawWells();
    if (figure === undefined) return;
    try {
      const found = await figureColouring(api, experimentId, this.wells, figure, tpoint());
      if (number !== this.asked) return;
      this.colouring = found;
      this.drawWells();
    } catch (error) {
      this.context.onError(messageOf(error));
    }
  }

  private drawWells(): void {
    const own = this.wells.filter(({ plate }) => plate === this.plate);
    const rows = own.map(({ row }) => row);
    const columns = own.map(({ column }) => column);
    const [top, left] = [Math.min(...rows), Math.min(...columns)];
    const nColumns = Math.max(...columns) - left + 1;
    this.grid.style.setProperty('--columns', String(nColumns));
    const heads = Array.from({ length: nColumns }, (_, index) =>
      this.at(element('span', { class: 'head' }, String(left + index + 1)), 1, index + 2),
    );
    const letters = [...new Set(rows)].map((row) =>
      this.at(element('span', { class: 'head' }, rowName(row)), row - top + 2, 1),
    );
    const buttons = own.map((well, index) => {
      const made = this.at(this.button(well), well.row - top + 2, well.column - left + 2);
      made.tabIndex = index === 0 ? 0 : -1;
      return made;
    });
    this.grid.replaceChildren(...heads, ...letters, ...buttons);
    const { colouring } = this;
    this.miniMap?.paint(colouring && ((id) => colouring.colourOf(id)));
    this.drawLegend();
    this.markPlace();
    this.markPicked();
  }

  private at(part: HTMLElement, row: number, column: number): HTMLElement {
    part.style.gridArea = `${row} / ${column}`;
    return part;
  }

  private button(well: Well): HTMLElement {
    const value = this.colouring?.textOf(well.id);
    const conditions = [...well.conditions].map(
      ([name, given]) => `${name} ${typeof given === 'number' ? formatValue(given) : given}`,
    );
    const figure =
      this.colouring === undefined || this.figure?.kind === 'condition'
        ? []
        : [`${this.colouring.title} ${value ?? 'missing'}`];
    const made = element('button', {
      class: 'well',
      title: [well.name, ...conditions, ...figure].join('\n'),
      'aria-label': [well.name, ...conditions, ...figure].join(', '),
      'data-well': well.name,
      'data-testid': `well-${well.name}`,
      onclick: () => {
        if (this.picker === undefined) this.context.map.showBox(well.box);
        else {
          this.picker.toggle(well);
          this.markPicked();
        }
      },
    });
    made.addEventListener('pointerdown', () => {
      this.dragged = { from: well, isChoosing: this.picker?.has(well) === false };
    });
    made.addEventListener('pointerenter', (event) => {
      if (event.buttons === 1) this.drag(well);
    });
    made.addEventListener('keydown', (event) => {
      const step = ARROWS.get(event.key);
      if (step === undefined) return;
      event.preventDefault();
      this.focus(well, step);
    });
    if (this.colouring !== undefined) made.style.background = this.colouring.colourOf(well.id);
    return made;
  }

  /** Does with a well that is dragged over what a click does with the one where the drag has begun. */
  private drag(well: Well): void {
    const { picker, dragged } = this;
    if (picker === undefined || dragged === undefined) return;
    for (const each of [dragged.from, well]) {
      if (picker.has(each) !== dragged.isChoosing) picker.toggle(each);
    }
    this.markPicked();
  }

  /** Goes to the next well of the plate in a direction. */
  private focus(from: Well, [down = 0, right = 0]: readonly number[]): void {
    const ahead = this.wells
      .filter(({ plate, row, column }) => {
        const along = (row - from.row) * down + (column - from.column) * right;
        return plate === this.plate && along > 0 && (down === 0 ? row === from.row : column === from.column);
      })
      .sort((one, other) => Math.abs(one.row - from.row + one.column - from.column) - Math.abs(other.row - from.row + other.column - from.column));
    const [next] = ahead;
    if (next === undefined) return;
    for (const well of this.grid.querySelectorAll<HTMLElement>('button')) {
      well.tabIndex = well.dataset.well === next.name ? 0 : -1;
      if (well.tabIndex === 0) well.focus();
    }
  }

  private drawLegend(): void {
    const { colouring } = this;
    if (colouring === undefined) this.legend.replaceChildren();
    else if (colouring.classes !== null) this.legend.replaceChildren(classes(colouring.classes, colouring));
    else {
      const [low, high] = colouring.range.map(formatValue);
      this.legend.replaceChildren(scale(colouring.colours, low ?? '', high ?? ''));
    }
  }

  /** Marks the wells that somebody has collected. */
  private markPicked(): void {
    const own = new Map(
      this.wells.filter(({ plate }) => plate === this.plate).map((well) => [well.name, well]),
    );
    for (const button of this.grid.querySelectorAll<HTMLElement>('button')) {
      const well = own.get(button.dataset.well ?? '');
      if (this.picker === undefined || well === undefined) button.removeAttribute('aria-pressed');
      else button.setAttribute('aria-pressed', String(this.picker.has(well)));
    }
  }

  /** Marks the well in the middle of the map. */
  private markPlace(): void {
    const { x, y } = this.context.map.place();
    const here = this.wells.find(
      ({ box: [left, top, right, bottom] }) => x >= left && x <= right && y >= top && y <= bottom,
    );
    for (const well of this.grid.querySelectorAll<HTMLElement>('button')) {
      const isHere = here?.plate === this.plate && well.dataset.well === here.name;
      if (isHere) well.setAttribute('aria-current', 'true');
      else well.removeAttribute('aria-current');
    }
  }

  private conditionTable(): HTMLElement {
    const { api, experimentId } = this.context;
    const id = this.plates.find(({ name }) => name === this.plate)?.id ?? '';
    const path = `${experimentPath(experimentId)}/plates/${encodeURIComponent(id)}/conditions`;
    const report = (message: string) => {
      this.outcome.textContent = message;
    };
    const store = (table: Blob) => this.store(path, table);
    const draw = (table: string) => {
      this.pick(undefined);
      const made = wellDrawing({
        table: conditionsOf(table),
        store,
        close: () => {
          made.remove();
        },
        pick: (picker) => {
          this.pick(picker);
        },
      });
      this.drawing.replaceChildren(made);
    };
    return conditionTableRow(api, path, store, draw, report);
  }

  private async store(path: string, table: Blob): Promise<void> {
    const { n_wells: nWells, unknown_wells: unknown } = await this.context.api.putConditions(path, table);
    const left = unknown.length === 0 ? '' : ` Without images, and left out: ${listed(unknown)}.`;
    this.outcome.textContent = `${counted(nWells, 'well')} described.${left}`;
    await this.fetch();
    this.context.onConditions();
    if (this.figure?.kind === 'condition') this.figure = undefined;
    const [first] = conditionNames(this.wells);
    await this.choose(this.figure ?? (first === undefined ? undefined : { kind: 'condition', name: first }));
    this.draw();
  }
}
