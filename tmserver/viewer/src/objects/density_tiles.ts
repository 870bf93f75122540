/** Fetches and keeps the density tiles of a segmentation layer, and makes pictures of them. */

import TileLayer from 'ol/layer/Tile';
import DataTileSource from 'ol/source/DataTile';
import TileGrid from 'ol/tilegrid/TileGrid';
import type { Coordinate } from 'ol/coordinate';
import type { Api } from '../api';
import type { TileJson } from '../api_types';
import { layerPath, messageOf } from '../api';
import type { Colouring } from './colouring';
import { CELLS, cellImage, merge, paintCounts, paintValues, parseDensity } from './density';
import { TILE_SIZE } from '../pixels/intensity_tiles';
import type { PlateMap } from '../plate/map';
import type { ObjectPlaces } from './object_places';
import { fetchCentroids } from './object_values';

/** Tiles that are kept, at 16 KiB each. */
const KEPT = 1024;

/**
 * Where no cell has as many objects, squares of twice the size are shown: numbers like 1 and 2 tell
 * more about where the grid lies than about the objects.
 */
const FEW = 8;

/** How densities are painted: in one colour, or by the values of the objects. */
export interface DensityPaint {
  readonly colour: string;
  readonly colouring: Colouring | undefined;
}

class RepaintableSource extends DataTileSource {
  private painting = 0;

  repaint(): void {
    this.painting += 1;
    // With a new key, OpenLayers shows each old tile until the new one is made.
    this.setKey(String(this.painting));
  }
}

export class DensityTiles {
  private readonly counts = new Map<string, Promise<Uint32Array>>();
  /** What has arrived, for the pointer. */
  private readonly arrived = new Map<string, Uint32Array>();
  private readonly source: RepaintableSource;
  private readonly grid: TileGrid;
  readonly layer: TileLayer<DataTileSource>;
  private paint: DensityPaint;
  private places: Promise<ObjectPlaces> | undefined;

  constructor(
    map: PlateMap,
    private readonly api: Api,
    private readonly experimentId: string,
    private readonly layerId: string,
    private readonly tiles: TileJson,
    nLevels: number,
    paint: DensityPaint,
    onError: (message: string) => void,
  ) {
    this.paint = paint;
    this.grid = new TileGrid({
      extent: map.extent,
      origin: [0, 0],
      tileSize: TILE_SIZE,
      resolutions: map.tileGrid.getResolutions().slice(0, nLevels),
    });
    this.source = new RepaintableSource({
      loader: async (z, x, y) => cellImage(await this.picture(z, x, y)),
      key: '0',
      tileGrid: this.grid,
      tileSize: CELLS,
      projection: map.projection,
      // A cell is to be seen as the square that it is.
      interpolate: false,
      transition: 0,
    });
    this.source.on('tileloaderror', (event) => {
      const { tile } = event as unknown as { tile: { getError?: () => unknown } };
      onError(messageOf(tile.getError?.() ?? 'A part of the objects is missing.'));
    });
    this.layer = new TileLayer<DataTileSource>({ source: this.source, extent: map.extent });
  }

  /** Paints what is there differently; nothing is fetched. */
  repaint(paint: DensityPaint): void {
    this.paint = paint;
    this.source.repaint();
  }

  /** Number of objects in the fullest square of the level that is drawn at a resolution. */
  largest(resolution: number): number {
    return this.largestOf(this.grid.getZForResolution(resolution));
  }

  private hasFew(z: number): boolean {
    return z > 0 && (this.tiles.levels[z]?.largest_cell ?? 0) < FEW;
  }

  private largestOf(z: number): number {
    // A square of twice the size is a cell of the next level outwards.
    return this.tiles.levels[this.hasFew(z) ? z - 1 : z]?.largest_cell ?? 1;
  }

  /** Number of objects in the square at a place; undefined if its tile is not there yet. */
  at([x = 0, y = 0]: Coordinate, resolution: number): number | undefined {
    const z = this.grid.getZForResolution(resolution);
    const cell = (TILE_SIZE / CELLS) * this.grid.getResolution(z);
    const [column, row] = [Math.floor(x / cell), Math.floor(-y / cell)];
    const key = `${z}/${Math.floor(column / CELLS)}/${Math.floor(row / CELLS)}`;
    return this.arrived.get(key)?.[(row % CELLS) * CELLS + (column % CELLS)];
  }

  private async picture(z: number, x: number, y: number): Promise<Uint8ClampedArray<ArrayBuffer>> {
    const counts = await this.get(z, x, y);
    const largest = this.largestOf(z);
    const { colour, colouring } = this.paint;
    if (colouring === undefined) return paintCounts(counts, largest, colour);
    const tile = { resolution: this.grid.getResolution(z), column: x, row: y };
    return paintValues(counts, largest, colouring, await this.whereObjectsLie(), tile);
  }

  /** Fetched when densities are coloured by values for the first time. */
  private whereObjectsLie(): Promise<ObjectPlaces> {
    const { api, experimentId, layerId, tiles } = this;
    this.places ??= fetchCentroids(api, experimentId, layerId, tiles.layer_version);
    this.places.catch(() => {
      this.places = undefined;
    });
    return this.places;
  }

  private get(z: number, x: number, y: number): Promise<Uint32Array> {
    const key = `${z}/${x}/${y}`;
    const found = this.counts.get(key);
    if (found !== undefined) return found;
    const version = encodeURIComponent(this.tiles.layer_version);
    const path = `${layerPath(this.experimentId, this.layerId)}/vector_tiles?x=${x}&y=${y}&z=${z}&version=${version}`;
    const counts = this.api.bytes(path).then((buffer) => {
      const parsed = parseDensity(buffer);
      return this.hasFew(z) ? merge(parsed) : parsed;
    });
    this.counts.set(key, counts);
    counts.then(
      (arrived) => this.arrived.set(key, arrived),
      // What failed is tried again when it is asked for again.
      () => this.counts.delete(key),
    );
    for (const oldest of this.counts.keys()) {
      if (this.counts.size <= KEPT) break;
      this.counts.delete(oldest);
      this.arrived.delete(oldest);
    }
    return counts;
  }
}
