/** The objects on the map: outlines near, centroids further out, densities beyond, for each type. */

import { toGeometry } from 'ol/render/Feature';
import { buffer, containsCoordinate, createEmpty, extend } from 'ol/extent';
import type { Coordinate } from 'ol/coordinate';
import type Geometry from 'ol/geom/Geometry';
import type Polygon from 'ol/geom/Polygon';
import VectorTileLayer from 'ol/layer/VectorTile';
import type { Api } from '../api';
import type { TileJson } from '../api_types';
import { messageOf } from '../api';
import type { Plane } from '../pixels/channels';
import type { ColouringOptions } from './colouring';
import { Colouring } from './colouring';
import { DensityTiles } from './density_tiles';
import type { PlateMap } from '../plate/map';
import { fetchCentroids, fetchValues } from './object_values';
import type { ObjectDisplay } from './objects';
import { segmentationLayerAt } from './objects';
import type { OutlineLayer } from './outline_tiles';
import { outlineSource, styleOf } from './outline_tiles';

/** An object on the map, with its outline (far out: a point) as drawn at the present zoom. */
export interface MapObject {
  readonly typeName: string;
  readonly id: number;
  readonly isStatic: boolean;
  readonly geometry: Geometry;
}

/** What the colours of a type on show mean. */
export interface LegendEntry {
  readonly display: ObjectDisplay;
  readonly colouring: Colouring | undefined;
  /** Number of objects in the fullest cell; undefined where single objects are drawn. */
  readonly largest: number | undefined;
}

interface ChosenColumn {
  readonly name: string;
  readonly options: ColouringOptions;
}

interface DrawnType {
  readonly display: ObjectDisplay;
  readonly zIndex: number;
  /**
   * Near, outlines are drawn anew in each frame and stay sharp however far they are magnified. Far,
   * with tens of thousands on screen, they are drawn once per tile.
   */
  readonly near: OutlineLayer;
  readonly far: OutlineLayer;
  /** Shown in place of both where there are too many objects to draw each. */
  density: DensityTiles | undefined;
  /** The segmentation layer that is drawn, and the resolution from which on it is a density. */
  layerId: string | undefined;
  densityFrom: number;
  colouring: Colouring | undefined;
  selected: ReadonlySet<number>;
  /** The column that the colours are of, to follow the time point. */
  column: ChosenColumn | undefined;
  /** The column whose values are being fetched. */
  wanted: ChosenColumn | undefined;
  /** Tells late answers from those for the column that was chosen last. */
  asked: number;
}

/** How far from a dot the pointer still finds it, in screen pixels. */
const POINTER_TOLERANCE = 4;

/** Image pixels per screen pixel from which on outlines are drawn once per tile. */
const FAR = 1.01;

export class ObjectLayers {
  private readonly types: DrawnType[];
  private plane: Plane | undefined;

  /** Called with a sentence for the user when objects cannot be had. */
  onError: ((message: string) => void) | undefined;
  private readonly changeListeners: (() => void)[] = [];

  constructor(
    private readonly map: PlateMap,
    private readonly api: Api,
    private readonly experimentId: string,
    displays: readonly ObjectDisplay[],
  ) {
    this.types = displays.map((display, index) => {
      // The layout lies under the cells, and later segmented types under earlier ones.
      const zIndex = display.isStatic ? 1 : 2 + displays.length - index;
      const common = { extent: map.extent, zIndex, minResolution: 0 };
      return {
        display,
        zIndex,
        near: new VectorTileLayer({ ...common, renderMode: 'vector', maxResolution: FAR }),
        far: new VectorTileLayer({ ...common, renderMode: 'hybrid', minResolution: FAR }),
        density: undefined,
        layerId: undefined,
        densityFrom: Infinity,
        colouring: undefined,
        selected: new Set(),
        column: undefined,
        wanted: undefined,
        asked: 0,
      };
    });
    for (const { near, far } of this.types) {
      map.olMap.addLayer(near);
      map.olMap.addLayer(far);
    }
  }

  /** Follows the settings and the time point and z-plane on show; `force` fetches everything again. */
  refresh(plane: Plane, force = false): void {
    const isOtherPlane =
      this.plane !== undefined &&
      (this.plane.tpoint !== plane.tpoint || this.plane.zplane !== plane.zplane);
    this.plane = { ...plane };
    for (const drawn of this.types) {
      this.restyle(drawn);
      const { display } = drawn;
      const layerId = segmentationLayerAt(display.type, plane)?.id;
      const column = drawn.wanted ?? drawn.column;
      if ((isOtherPlane || force) && column !== undefined) {
        const { name, options } = column;
        void this.colourByColumn(display.type.name, name, options);
      }
      // Objects are fetched when they are to be seen for the first time.
      if (!display.visible || (layerId === drawn.layerId && !force)) continue;
      drawn.layerId = layerId;
      this.clear(drawn);
      if (layerId !== undefined) void this.map.awaiting(this.fetch(drawn, layerId));
    }
    this.changed();
  }

  /**
   * Draws the objects of a type in the colours of their values, or all in the colour of the type.
   * No tile is fetched for it.
   */
  colourBy(typeName: string, colouring: Colouring | undefined): void {
    const drawn = this.find(typeName);
    if (drawn === undefined) return;
    drawn.asked += 1;
    drawn.column = drawn.wanted = undefined;
    this.colour(drawn, colouring);
  }

  /** Marks objects of a type, and none of the others. */
  select(typeName: string, ids: ReadonlySet<number>): void {
    for (const drawn of this.types) {
      const selected = drawn.display.type.name === typeName ? ids : new Set<number>();
      if (selected.size === 0 && drawn.selected.size === 0) continue;
      drawn.selected = selected;
      this.restyle(drawn);
    }
  }

  /** Calls back each time when something else is drawn, or in other colours. */
  onChange(listener: () => void): void {
    this.changeListeners.push(listener);
  }

  /** The column that a type is coloured by, or will be as soon as its values have come, and how. */
  columnOf(typeName: string): ChosenColumn | undefined {
    const drawn = this.find(typeName);
    return drawn?.wanted ?? drawn?.column;
  }

  /** Changes range, palette or scale of the colours that a type has. */
  recolour(typeName: string, options: ColouringOptions): void {
    const drawn = this.find(typeName);
    if (drawn?.colouring === undefined) return;
    const { title, values, options: before } = drawn.colouring;
    const all = { ...before, ...options };
    if (drawn.column !== undefined) {
      drawn.column = { ...drawn.column, options: all };
      // The same one at another time point, for example, is to be coloured alike.
      if (drawn.wanted?.name === drawn.column.name) drawn.wanted = drawn.column;
    }
    this.colour(drawn, new Colouring(title, values, all));
  }

  /** What an object's colour stands for, in words; undefined if it has no value. */
  valueOf({ typeName, id }: MapObject): string | undefined {
    const colouring = this.find(typeName)?.colouring;
    const text = colouring?.textOf(id);
    return colouring === undefined || text === undefined ? undefined : `${colouring.title} ${text}`;
  }

  /**
   * Fetches a feature, a tool result or metadata by its name, and colours the type by it. If that
   * fails, it stays coloured as it is.
   */
  async colourByColumn(
    typeName: string,
    column: string,
    options: ColouringOptions = {},
  ): Promise<void> {
    const drawn = this.find(typeName);
    if (drawn === undefined) return;
    const number = ++drawn.asked;
    drawn.wanted = { name: column, options };
    try {
      const values = await this.map.awaiting(this.values(drawn, column));
      if (number !== drawn.asked) return;
      drawn.column = drawn.wanted;
      drawn.wanted = undefined;
      this.colour(drawn, new Colouring(column, values, drawn.column.options));
    } catch (error) {
      if (number !== drawn.asked) return;
      drawn.wanted = undefined;
      this.changed();
      this.onError?.(messageOf(error));
    }
  }

  /** What the colours on show mean, type by type. */
  legend(): LegendEntry[] {
    const resolution = this.resolution();
    return this.types
      .filter(({ display, layerId }) => display.visible && layerId !== undefined)
      .map((drawn) => ({
        display: drawn.display,
        colouring: drawn.colouring,
        largest: this.isDensity(drawn) ? drawn.density?.largest(resolution) : undefined,
      }));
  }

  /** The objects at a place, topmost first: cells before the sites and wells around them. */
  at(coordinate: Coordinate): MapObject[] {
    const [x = 0, y = 0] = coordinate;
    const around = buffer([x, y, x, y], POINTER_TOLERANCE * this.resolution());
    const found = new Map<string, MapObject>();
    for (const drawn of this.types) {
      for (const object of this.inExtent(drawn, around)) {
        const isPoint = object.geometry.getType() === 'Point';
        if (!isPoint && !object.geometry.intersectsCoordinate(coordinate)) continue;
        found.set(`${object.typeName} ${object.id}`, object);
      }
    }
    return [...found.values()];
  }

  /** Numbers of all objects of a type on this plane whose centre lies within an outline. */
  async within(typeName: string, outline: Polygon): Promise<number[]> {
    const drawn = this.find(typeName);
    const plane = this.plane ?? { tpoint: 0, zplane: 0 };
    const layer = drawn && segmentationLayerAt(drawn.display.type, plane);
    if (layer === undefined) return [];
    const { api, experimentId } = this;
    const { layer_version: version } = await api.tileJson(experimentId, layer.id);
    const { ids, x, y } = await fetchCentroids(api, experimentId, layer.id, version);
    const extent = outline.getExtent();
    return Array.from(ids).filter((_, row) => {
      const centre = [x[row] ?? NaN, -(y[row] ?? NaN)];
      return containsCoordinate(extent, centre) && outline.intersectsCoordinate(centre);
    });
  }

  /** How many objects of each type there are in the cell at a place, where densities are drawn. */
  countsAt(coordinate: Coordinate): { readonly typeName: string; readonly count: number }[] {
    const resolution = this.resolution();
    return this.types.flatMap((drawn) => {
      if (!drawn.display.visible || !this.isDensity(drawn)) return [];
      const count = drawn.density?.at(coordinate, resolution) ?? 0;
      return count > 0 ? [{ typeName: drawn.display.type.name, count }] : [];
    });
  }

  /** The same object as it is drawn now; undefined when it is not on screen. */
  current(object: MapObject): MapObject | undefined {
    const drawn = this.find(object.typeName);
    if (drawn === undefined) return undefined;
    const extent = extend(createEmpty(), object.geometry.getExtent());
    return this.inExtent(drawn, extent).find(({ id }) => id === object.id);
  }

  private find(typeName: string): DrawnType | undefined {
    return this.types.find(({ display }) => display.type.name === typeName);
  }

  private changed(): void {
    for (const listener of this.changeListeners) listener();
  }

  private resolution(): number {
    return this.map.olMap.getView().getResolution() ?? 1;
  }

  private isDensity({ densityFrom }: DrawnType): boolean {
    return this.resolution() >= densityFrom;
  }

  private inExtent(drawn: DrawnType, extent: number[]): MapObject[] {
    const { display, near, far } = drawn;
    if (!display.visible || this.isDensity(drawn)) return [];
    const layer = this.resolution() < FAR ? near : far;
    return layer.getFeaturesInExtent(extent).map((feature) => ({
      typeName: display.type.name,
      id: Number(feature.getId()),
      isStatic: display.isStatic,
      geometry: toGeometry(feature),
    }));
  }

  private restyle({ display, near, far, density, colouring, selected }: DrawnType): void {
    for (const layer of [near, far]) {
      layer.setStyle(styleOf(display, colouring, selected));
      layer.setVisible(display.visible);
    }
    density?.layer.setVisible(display.visible);
    density?.repaint({ colour: display.colour, colouring });
  }

  private colour(drawn: DrawnType, colouring: Colouring | undefined): void {
    drawn.colouring = colouring;
    this.restyle(drawn);
    this.changed();
  }

  private clear(drawn: DrawnType): void {
    drawn.near.setSource(null);
    drawn.far.setSource(null);
    if (drawn.density !== undefined) this.map.olMap.removeLayer(drawn.density.layer);
    drawn.density = undefined;
  }

  private async fetch(drawn: DrawnType, layerId: string): Promise<void> {
    try {
      const tiles = await this.api.tileJson(this.experimentId, layerId);
      if (drawn.layerId === layerId) this.show(drawn, layerId, tiles);
    } catch (error) {
      this.onError?.(messageOf(error));
    }
  }

  private show(drawn: DrawnType, layerId: string, tiles: TileJson): void {
    this.clear(drawn);
    const report = (message: string) => {
      this.onError?.(message);
    };
    const { map, api, experimentId } = this;
    const source = outlineSource(map, api, experimentId, layerId, tiles.layer_version, report);
    drawn.near.setSource(source);
    drawn.far.setSource(source);
    const nDensities = tiles.levels.filter(({ kind }) => kind === 'density').length;
    drawn.densityFrom = this.densityFrom(nDensities);
    drawn.near.setMaxResolution(Math.min(FAR, drawn.densityFrom));
    drawn.far.setMaxResolution(drawn.densityFrom);
    if (nDensities > 0) {
      const paint = { colour: drawn.display.colour, colouring: drawn.colouring };
      drawn.density = new DensityTiles(
        map, api, experimentId, layerId, tiles, nDensities, paint, report,
      );
      const { layer } = drawn.density;
      layer.setMinResolution(drawn.densityFrom);
      layer.setZIndex(drawn.zIndex);
      map.olMap.addLayer(layer);
    }
    this.restyle(drawn);
    this.changed();
  }

  /** The resolution half way between the last level of densities and the next one. */
  private densityFrom(nDensities: number): number {
    if (nDensities === 0) return Infinity;
    const resolutions = this.map.tileGrid.getResolutions();
    const last = resolutions[nDensities - 1] ?? 1;
    const next = resolutions[nDensities];
    return next === undefined ? 0 : (last + next) / 2;
  }

  private values(drawn: DrawnType, column: string) {
    const { type, isStatic } = drawn.display;
    const { tpoint, zplane } = isStatic
      ? { tpoint: null, zplane: null }
      : (this.plane ?? { tpoint: 0, zplane: 0 });
    return fetchValues(this.api, this.experimentId, type.id, column, tpoint, zplane);
  }
}
