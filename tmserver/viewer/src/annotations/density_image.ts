/** The densities of a table as a picture of squares, drawn on the map. */

import ImageLayer from 'ol/layer/Image';
import ImageCanvas from 'ol/source/ImageCanvas';
import type { Extent } from 'ol/extent';
import type { Coordinate } from 'ol/coordinate';
import type { Density } from '../api_types';
import { paintCounts } from '../objects/density';
import type { PlateMap } from '../plate/map';
import type { Places } from './places';

interface Shown {
  readonly counts: ReadonlyMap<string, number>;
  readonly picture: HTMLCanvasElement;
  readonly extent: Extent;
  /** Width and height of a square on the map. */
  readonly size: readonly [number, number];
}

export class DensityImage {
  readonly layer: ImageLayer<ImageCanvas>;
  private readonly source: ImageCanvas;
  private shown: Shown | undefined;

  constructor(map: PlateMap, zIndex: number) {
    this.source = new ImageCanvas({
      projection: map.projection,
      ratio: 1,
      interpolate: false,
      canvasFunction: (extent, resolution, pixelRatio, size) =>
        this.draw(extent, resolution / pixelRatio, size),
    });
    this.layer = new ImageLayer({ source: this.source, zIndex, visible: false });
  }

  /** How many points are in the square at a place. */
  at([x = 0, y = 0]: Coordinate): number {
    if (this.shown === undefined) return 0;
    const [width, height] = this.shown.size;
    return this.shown.counts.get(`${Math.floor(x / width)} ${Math.floor(-y / height)}`) ?? 0;
  }

  hide(): void {
    this.layer.setVisible(false);
    this.shown = undefined;
  }

  show(density: Density, places: Places, colour: string): void {
    const { squares } = density;
    const [left, right] = bounds(squares.map(([column]) => column));
    const [top, bottom] = bounds(squares.map(([, row]) => row));
    const [columns, rows] = [right - left + 1, bottom - top + 1];
    const numbers = new Uint32Array(columns * rows);
    for (const [column, row, count] of squares) numbers[(row - top) * columns + column - left] = count;
    const largest = squares.reduce((most, [, , count]) => Math.max(most, count), 1);
    const picture = document.createElement('canvas');
    picture.width = columns;
    picture.height = rows;
    const pixels = new ImageData(paintCounts(numbers, largest, colour), columns);
    picture.getContext('2d')?.putImageData(pixels, 0, 0);
    const [width, height] = places.squareOnMap(density.side);
    this.shown = {
      counts: new Map(squares.map(([column, row, count]) => [`${column} ${row}`, count])),
      picture,
      extent: [left * width, -(bottom + 1) * height, (right + 1) * width, -top * height],
      size: [width, height],
    };
    this.layer.setVisible(true);
    this.source.changed();
  }

  private draw(extent: Extent, resolution: number, [width = 1, height = 1]: number[]): HTMLCanvasElement {
    const canvas = document.createElement('canvas');
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext('2d');
    if (this.shown === undefined || context === null) return canvas;
    const [left = 0, , , top = 0] = extent;
    const [west = 0, south = 0, east = 0, north = 0] = this.shown.extent;
    // A square is to be seen as the square that it is.
    context.imageSmoothingEnabled = false;
    context.drawImage(
      this.shown.picture,
      (west - left) / resolution,
      (top - north) / resolution,
      (east - west) / resolution,
      (north - south) / resolution,
    );
    return canvas;
  }
}

function bounds(numbers: readonly number[]): [number, number] {
  const least = numbers.reduce((one, other) => Math.min(one, other), Infinity);
  return [least, numbers.reduce((one, other) => Math.max(one, other), -Infinity)];
}
