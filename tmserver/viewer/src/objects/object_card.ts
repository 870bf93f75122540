/** What is known of the selected object: where it is, how it looks, and all of its values. */

import Polygon from 'ol/geom/Polygon';
import { getCenter, getHeight, getWidth } from 'ol/extent';
import type { Api } from '../api';
import { experimentPath, messageOf } from '../api';
import type { MapobjectType, ObjectRow, ObjectValue, TableColumn } from '../api_types';
import { element } from '../page/dom';
import { formatValue } from '../page/format';
import type { Plane } from '../pixels/channels';
import type { Square } from '../pixels/crop';
import type { TableColumns } from './colour_by';
import { requestName } from './colour_by';
import type { MapObject } from './object_layers';

/** The first values come at once, the others while these are read. */
const FIRST_COLUMNS = 30;
const NEXT_COLUMNS = 80;

/** Side of the picture in pixels of the map, and how much there is to see around an object. */
const [SMALLEST_CROP, LARGEST_CROP] = [48, 384];
const AROUND = 1.5;

export interface CardContext {
  readonly api: Api;
  readonly experimentId: string;
  readonly columns: TableColumns;
  readonly typeOf: (name: string) => MapobjectType | undefined;
  readonly plane: () => Plane;
  /** Draws a part of the map as it is shown. */
  readonly draw: (canvas: HTMLCanvasElement, square: Square) => Promise<void>;
  readonly colourBy: (typeName: string, column: string) => void;
  readonly clear: () => void;
}

/** The square around an object that its picture shows. */
export function squareAround(extent: number[]): Square {
  const [x = 0, y = 0] = getCenter(extent);
  const wanted = Math.ceil(AROUND * Math.max(getWidth(extent), getHeight(extent)));
  const size = Math.min(LARGEST_CROP, Math.max(SMALLEST_CROP, wanted));
  return { left: Math.round(x - size / 2), top: Math.round(-y - size / 2), size };
}

/** "plate 1, well B02, site 0, 1", as far as it applies. */
export function placeText(values: readonly ObjectValue[]): string {
  const of = (name: string) => {
    const value = values.find((one) => one.kind === 'metadata' && one.name === name)?.value;
    return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
  };
  const [plate, well, y, x] = ['plate_name', 'well_name', 'well_pos_y', 'well_pos_x'].map(of);
  const site = y === undefined || x === undefined ? undefined : `site ${y}, ${x}`;
  return [plate, well === undefined ? undefined : `well ${well}`, site]
    .filter((part) => part !== undefined)
    .join(', ');
}

export function valueText(value: unknown): string {
  if (typeof value === 'number') return formatValue(value);
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return typeof value === 'string' ? value : 'missing';
}

export class ObjectCard {
  readonly element = element('section', { hidden: true, 'data-testid': 'selected-object' });
  private object: MapObject | undefined;
  private readonly place = element('div', { class: 'hint', 'data-testid': 'object-place' });
  private readonly picture = element('div', { class: 'crop', 'data-testid': 'object-crop' });
  private readonly search = element('input', {
    type: 'search',
    placeholder: 'Search values',
    'aria-label': 'Search in the values of the object',
    'data-testid': 'object-search',
  });
  private readonly rows = element('tbody');
  private readonly problem = element('p', { class: 'error', role: 'alert' });
  private values: ObjectValue[] = [];
  /** All columns of the table, of which some may not have been read yet. */
  private columns: readonly TableColumn[] = [];
  /** Tells late answers for other objects from those for the one on show. */
  private visit = 0;
  private drawing = 0;

  constructor(private readonly context: CardContext) {
    this.search.addEventListener('input', () => {
      this.list();
    });
  }

  show(object: MapObject | undefined): void {
    this.object = object;
    this.visit += 1;
    this.values = [];
    this.element.hidden = object === undefined;
    if (object === undefined) return;
    this.place.textContent = '';
    this.problem.textContent = '';
    this.picture.replaceChildren();
    this.list();
    this.element.replaceChildren(
      element(
        'div',
        { class: 'row' },
        element('h2', { class: 'grow' }, 'Selected'),
        element('button', { class: 'small', onclick: this.context.clear }, 'Clear'),
      ),
      element(
        'div',
        { class: 'row' },
        ...(object.isStatic ? [] : [this.picture]),
        element('div', {}, element('strong', {}, `${object.typeName} ${object.id}`), this.place),
      ),
      this.search,
      this.problem,
      element(
        'div',
        { class: 'object-values', tabindex: '0', role: 'region', 'aria-label': 'Values of the object' },
        element('table', { 'data-testid': 'object-values' }, this.rows),
      ),
    );
    this.repaint();
    void this.read(object, this.visit);
  }

  /** The same object, drawn otherwise. */
  redraw(object: MapObject): void {
    this.object = object;
    this.repaint();
  }

  /** Reads the values again: at another time point, or when there are other columns. */
  reread(): void {
    const { object } = this;
    if (object === undefined) return;
    this.visit += 1;
    this.values = [];
    this.problem.textContent = '';
    this.list();
    void this.read(object, this.visit);
  }

  /** Draws the picture as the channels are shown now. */
  repaint(): void {
    const { object } = this;
    if (object === undefined || object.isStatic) return;
    const number = ++this.drawing;
    const square = squareAround(object.geometry.getExtent());
    const canvas = element('canvas', { role: 'img', 'aria-label': 'Picture of the object' });
    this.context.draw(canvas, square).then(
      () => {
        // Another picture may have been asked for meanwhile.
        if (number !== this.drawing) return;
        outline(canvas, object, square);
        this.picture.replaceChildren(canvas);
      },
      () => {
        // The map says which tiles are missing.
      },
    );
  }

  private async read(object: MapObject, visit: number): Promise<void> {
    const { api, experimentId, columns, typeOf, plane } = this.context;
    const type = typeOf(object.typeName);
    if (type === undefined) return;
    const types = `${experimentPath(experimentId)}/mapobject_types`;
    const path = `${types}/${encodeURIComponent(type.id)}/table/objects/${object.id}`;
    try {
      const all = await columns.get(type.id);
      if (visit !== this.visit) return;
      this.columns = all;
      const names = all.map((column) => requestName(column, all));
      let size = FIRST_COLUMNS;
      for (let start = 0; start < names.length; start += size, size = NEXT_COLUMNS) {
        const query = new URLSearchParams({
          columns: JSON.stringify(names.slice(start, start + size)),
          ...(object.isStatic ? {} : { tpoint: String(plane().tpoint), zplane: String(plane().zplane) }),
        });
        const row = await api.data<ObjectRow>(`${path}?${query.toString()}`);
        if (visit !== this.visit) return;
        this.values.push(...row.columns);
        this.place.textContent = placeText(this.values);
        this.list();
      }
    } catch (error) {
      if (visit === this.visit) this.problem.textContent = messageOf(error);
    }
  }

  private list(): void {
    const words = this.search.value.toLowerCase().split(/\s+/);
    const found = this.values.filter(({ name }) =>
      words.every((word) => name.toLowerCase().includes(word)),
    );
    // Remarks, measurements and results first: what is known of every object is told above.
    const order = ['remark', 'feature', 'result', 'metadata'];
    found.sort((one, other) => order.indexOf(one.kind) - order.indexOf(other.kind));
    this.rows.replaceChildren(...found.map((one) => this.row(one)));
  }

  private row(one: ObjectValue): HTMLElement {
    const name = element(
      'button',
      {
        class: 'plain',
        type: 'button',
        title: `Colour all by ${one.name}`,
        onclick: () => {
          if (this.object === undefined) return;
          this.context.colourBy(this.object.typeName, requestName(one, this.columns));
        },
      },
      one.name,
    );
    const percentile = element('td', { class: 'percentile' });
    if (one.percentile !== null) {
      const rounded = Math.round(one.percentile);
      percentile.textContent = `${rounded} %`;
      percentile.title = `Larger than ${rounded} % of all`;
      percentile.style.setProperty('--share', `${one.percentile}%`);
    }
    return element(
      'tr',
      {},
      element('th', { scope: 'row' }, name),
      element('td', {}, valueText(one.value)),
      percentile,
    );
  }
}

/** Draws the outline of an object over its picture, where it has one. */
function outline(canvas: HTMLCanvasElement, object: MapObject, square: Square): void {
  const context = canvas.getContext('2d');
  const { geometry } = object;
  if (context === null || !(geometry instanceof Polygon)) return;
  context.strokeStyle = 'rgb(255 255 255 / 80%)';
  for (const ring of geometry.getCoordinates()) {
    context.beginPath();
    for (const [x = 0, y = 0] of ring) context.lineTo(x - square.left, -y - square.top);
    context.closePath();
    context.stroke();
  }
}
