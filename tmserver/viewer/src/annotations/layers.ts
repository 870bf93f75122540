/** The annotation tables that are shown on the map, and what is marked of them. */

import Feature from 'ol/Feature';
import type { Coordinate } from 'ol/coordinate';
import Point from 'ol/geom/Point';
import VectorLayer from 'ol/layer/Vector';
import VectorSource from 'ol/source/Vector';
import { Circle, Fill, Stroke, Style } from 'ol/style';
import type { PlateMap } from '../plate/map';
import { Places } from './places';
import type { Position } from './places';
import type { AnnotationRequests, Row, Table } from './requests';
import type { RowSchema } from './row_schema';
import { TableLayer } from './table_layer';

const Z = 1001;

const MARK = [
  new Style({
    image: new Circle({ radius: 9, stroke: new Stroke({ color: 'rgba(0, 0, 0, 0.75)', width: 5 }) }),
  }),
  new Style({
    image: new Circle({
      radius: 9,
      stroke: new Stroke({ color: '#ffffff', width: 2.5 }),
      // what lies below stays in sight
      fill: new Fill({ color: 'rgba(255, 255, 255, 0.15)' }),
    }),
  }),
];

export class AnnotationLayers {
  private readonly shown = new Map<string, TableLayer>();
  private readonly marks = new VectorSource();
  /** Called when other rows are on the map. */
  onRows: (() => void) | undefined;
  onError: ((message: string) => void) | undefined;

  /** `plane` is the focal plane whose points are shown, undefined where there is one alone. */
  constructor(
    private readonly map: PlateMap,
    private readonly requests: AnnotationRequests,
    private readonly pixelSize: number | null,
    private readonly plane: () => number | undefined,
  ) {
    map.olMap.addLayer(new VectorLayer({ source: this.marks, zIndex: Z, style: MARK }));
    map.olMap.on('moveend', () => {
      this.refresh();
    });
  }

  places(table: Table): Places {
    return new Places(table.voxel_resolution, this.pixelSize);
  }

  /** Shows a table, or what has become of one that is shown. */
  show(table: Table, schema: RowSchema, colour: string): void {
    const there = this.shown.get(table.name);
    if (there !== undefined) {
      there.table = table;
      there.refresh(this.plane(), true);
      return;
    }
    const places = this.places(table);
    const layer = new TableLayer(this.map, this.requests, table, schema, places, colour);
    layer.onRows = () => this.onRows?.();
    layer.onError = (message) => this.onError?.(message);
    this.shown.set(table.name, layer);
    layer.refresh(this.plane());
  }

  hide(name: string): void {
    this.shown.get(name)?.dispose();
    this.shown.delete(name);
    this.onRows?.();
  }

  recolour(name: string, colour: string): void {
    const layer = this.shown.get(name);
    layer?.recolour(colour);
    layer?.refresh(this.plane());
  }

  /** Fetches what is on screen and not there yet; `force` also what is there. */
  refresh(force = false): void {
    for (const layer of this.shown.values()) layer.refresh(this.plane(), force);
  }

  /** Rows of a table on the map; undefined where there are too many to draw each. */
  rows(name: string): readonly Row[] | undefined {
    return this.shown.has(name) ? this.shown.get(name)?.rows : [];
  }

  at(coordinate: Coordinate): { readonly tableName: string; readonly row: Row } | undefined {
    // the table that was shown last is on top
    for (const [tableName, layer] of [...this.shown].reverse()) {
      const row = layer.at(coordinate);
      if (row !== undefined) return { tableName, row };
    }
    return undefined;
  }

  /** What is at a place in words, line by line. */
  describe(coordinate: Coordinate): string[] {
    const found = this.at(coordinate);
    const point = found === undefined ? [] : [`${found.tableName} ${found.row.id}`];
    const counts = [...this.shown].flatMap(([name, layer]) => {
      const count = layer.countAt(coordinate);
      return count === 0 ? [] : [`${name}: ${count.toLocaleString('en')} here`];
    });
    return [...point, ...counts];
  }

  /** Marks places of a table, and no others. */
  mark(table: Table | undefined, positions: readonly (Position | readonly number[])[]): void {
    this.marks.clear();
    if (table === undefined) return;
    const places = this.places(table);
    for (const position of positions) {
      this.marks.addFeature(new Feature({ geometry: new Point(places.toMap(position)) }));
    }
  }
}
