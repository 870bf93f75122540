/** A table of points on the map: each point near, and their density where they are too many. */

import Feature from 'ol/Feature';
import { containsExtent, getIntersection, getHeight, getWidth } from 'ol/extent';
import type { Coordinate } from 'ol/coordinate';
import type { Extent } from 'ol/extent';
import Point from 'ol/geom/Point';
import VectorLayer from 'ol/layer/Vector';
import VectorSource from 'ol/source/Vector';
import { Circle, Fill, Stroke, Style } from 'ol/style';
import { messageOf } from '../api';
import type { PlateMap } from '../plate/map';
import { DensityImage } from './density_image';
import type { Places } from './places';
import { planeOf } from './places';
import type { AnnotationRequests, Row, Table } from './requests';
import type { RowSchema } from './row_schema';

/** Above outlines, below what is selected. */
const Z = 900;

/** Points that are drawn one by one. */
const MOST_POINTS = 2000;

/** Squares of a density are between so many screen pixels wide and twice as many. */
const SQUARE = 8;

/** As many as the server counts in one request, and a little less for how boxes are rounded. */
const MOST_SQUARES = 90_000;

const RADIUS = 5;
const POINTER_TOLERANCE = 7;

/** What was fetched, and for where. */
interface Fetched {
  readonly extent: Extent;
  readonly plane: number | undefined;
  /** The resolution that a density is for; undefined where each point is drawn. */
  readonly resolution: number | undefined;
}

export class TableLayer {
  private readonly points = new VectorSource<Feature<Point>>();
  private readonly layer: VectorLayer<VectorSource<Feature<Point>>>;
  private readonly density: DensityImage;
  private fetched: Fetched | undefined;
  /** Tells late answers from those for what is on screen now. */
  private visit = 0;
  /** Rows on the map; undefined while a density is shown. */
  rows: readonly Row[] | undefined = [];
  onRows: (() => void) | undefined;
  onError: ((message: string) => void) | undefined;

  constructor(
    private readonly map: PlateMap,
    private readonly requests: AnnotationRequests,
    public table: Table,
    readonly schema: RowSchema,
    readonly places: Places,
    private colour: string,
  ) {
    this.layer = new VectorLayer({ source: this.points, zIndex: Z, style: styleIn(colour) });
    this.density = new DensityImage(map, Z - 1);
    map.olMap.addLayer(this.layer);
    map.olMap.addLayer(this.density.layer);
  }

  dispose(): void {
    this.visit += 1;
    this.map.olMap.removeLayer(this.layer);
    this.map.olMap.removeLayer(this.density.layer);
  }

  recolour(colour: string): void {
    this.colour = colour;
    this.layer.setStyle(styleIn(colour));
    if (this.rows === undefined) this.fetched = undefined;
  }

  /** The point of a row that is drawn. */
  positionOf(row: Row): readonly number[] | undefined {
    const position = row.values[`${this.schema.points[0]?.name}_position`];
    return Array.isArray(position) ? (position as number[]) : undefined;
  }

  /** The nearest row at a place of the map. */
  at([x = 0, y = 0]: Coordinate): Row | undefined {
    const resolution = this.map.place().resolution;
    const nearest = this.points.getClosestFeatureToCoordinate([x, y]);
    const [left = Infinity, top = Infinity] = nearest?.getGeometry()?.getCoordinates() ?? [];
    const isNear = Math.hypot(left - x, top - y) <= POINTER_TOLERANCE * resolution;
    return isNear ? (nearest?.get('row') as Row) : undefined;
  }

  /** How many points there are around a place, where a density is drawn. */
  countAt(coordinate: Coordinate): number {
    return this.density.at(coordinate);
  }

  /** Fetches what is on screen, if it is not there: the points of a focal plane, or of all. */
  refresh(plane: number | undefined, force = false): void {
    const view = this.map.olMap.getView();
    const shown = getIntersection(view.calculateExtent(this.map.olMap.getSize()), this.map.extent);
    const resolution = 2 ** Math.ceil(Math.log2(view.getResolution() ?? 1));
    const { fetched } = this;
    const isThere =
      fetched?.plane === plane &&
      fetched !== undefined &&
      containsExtent(fetched.extent, shown) &&
      (fetched.resolution === undefined || fetched.resolution === resolution);
    if (isThere && !force) return;
    const number = ++this.visit;
    const work = this.fetch(shown, plane, resolution, number);
    this.map.awaiting(work).catch((error: unknown) => {
      if (number === this.visit) this.onError?.(messageOf(error));
    });
  }

  private async fetch(
    extent: Extent, plane: number | undefined, resolution: number, number: number,
  ): Promise<void> {
    const { requests, table, places } = this;
    if (table.n_rows <= MOST_POINTS) {
      // all of them, wherever somebody goes then
      const rows = await requests.rows(table.name, {});
      const everywhere = [-Infinity, -Infinity, Infinity, Infinity];
      if (number === this.visit) this.show(rows, { extent: everywhere, plane, resolution: undefined });
      return;
    }
    const [left, top, right, bottom] = places.boxOf(extent);
    const box = plane === undefined
      ? [left, top, right, bottom]
      : [left, top, plane - 0.5, right, bottom, plane + 0.5 - 1e-9];
    let side = (SQUARE * resolution) / places.squareOnMap(1)[0];
    while ((getWidth(extent) * getHeight(extent)) / area(places.squareOnMap(side)) > MOST_SQUARES) side *= 2;
    const density = await requests.density(table.name, box.join(','), side);
    if (number !== this.visit) return;
    if (density.n_points > MOST_POINTS) {
      this.fetched = { extent, plane, resolution };
      this.points.clear();
      this.rows = undefined;
      this.density.show(density, places, this.colour);
      this.onRows?.();
      return;
    }
    const field = this.schema.points[0]?.name ?? '';
    const rows = await requests.rows(table.name, { box: box.join(','), field });
    if (number === this.visit) this.show(rows, { extent, plane, resolution: undefined });
  }

  private show(rows: readonly Row[], fetched: Fetched): void {
    const { plane } = fetched;
    const here = rows.filter((row) => {
      const position = this.positionOf(row);
      return position !== undefined && (plane === undefined || planeOf(position[2] ?? 0) === plane);
    });
    this.fetched = fetched;
    this.density.hide();
    this.points.clear();
    this.points.addFeatures(
      here.map((row) => {
        const geometry = new Point(this.places.toMap(this.positionOf(row) ?? []));
        return new Feature({ geometry, row });
      }),
    );
    this.rows = here;
    this.onRows?.();
  }
}

function area([width, height]: readonly [number, number]): number {
  return width * height;
}

function styleIn(colour: string): Style {
  return new Style({
    image: new Circle({
      radius: RADIUS,
      fill: new Fill({ color: colour }),
      stroke: new Stroke({ color: 'rgba(0, 0, 0, 0.8)', width: 1.5 }),
    }),
  });
}
