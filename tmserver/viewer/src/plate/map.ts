/** The map of a plate: its coordinates, its view, and when it is completely drawn. */

import OlMap from 'ol/Map';
import View from 'ol/View';
import { defaults as defaultControls } from 'ol/control/defaults';
import { defaults as defaultInteractions } from 'ol/interaction/defaults';
import type { Coordinate } from 'ol/coordinate';
import type { Extent } from 'ol/extent';
import Projection from 'ol/proj/Projection';
import TileGrid from 'ol/tilegrid/TileGrid';
import type { ImageSize } from '../api_types';
import type { Place } from './view_state';
import { TILE_SIZE } from '../pixels/intensity_tiles';

/** Screen pixels per image pixel when zoomed in as far as possible. */
const MAX_MAGNIFICATION = 16;

/** Free space around the plate when it fills the window, in screen pixels. */
const FIT_PADDING = 24;

/** A tile, and which of its pixels are on screen: `right` and `bottom` are the first beyond. */
export interface TileOnScreen {
  readonly z: number;
  readonly x: number;
  readonly y: number;
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** A pixel of a tile: its place in the tile's list of intensities. */
export interface TilePixel {
  readonly z: number;
  readonly x: number;
  readonly y: number;
  readonly index: number;
}

/**
 * Coordinates are pixels of the map at full resolution with the origin at the top left: x to the
 * right, y NEGATIVE downwards (the y axis of OpenLayers points up).
 */
export class PlateMap {
  readonly olMap: OlMap;
  readonly extent: Extent;
  readonly projection: Projection;
  readonly tileGrid: TileGrid;
  /** Between two levels: the nearer one, or the finer one where the screen can show it. */
  readonly zDirection = window.devicePixelRatio > 1 ? -1 : 0;

  /** Off while objects are collected: then two clicks at one place are two clicks. */
  zoomsOnDoubleClick = true;

  /** Counts everything that makes what is on screen incomplete. */
  private revision = 0;
  private renderedRevision = -1;
  private settledRevision = -1;
  /** How much that belongs on screen is being fetched before OpenLayers can know of it. */
  private awaited = 0;
  private readonly settledListeners: (() => void)[] = [];
  private readonly waiting: (() => void)[] = [];

  constructor(
    readonly element: HTMLElement,
    imageSize: ImageSize,
    maxZoom: number,
  ) {
    this.extent = [0, -imageSize.height, imageSize.width, 0];
    this.projection = new Projection({
      code: 'map-pixels',
      units: 'pixels',
      extent: this.extent,
    });
    this.tileGrid = new TileGrid({
      extent: this.extent,
      origin: [0, 0],
      tileSize: TILE_SIZE,
      resolutions: Array.from({ length: maxZoom + 1 }, (_, z) => 2 ** (maxZoom - z)),
    });
    this.olMap = new OlMap({
      target: element,
      controls: defaultControls({ zoom: false, rotate: false, attribution: false }),
      // The map is the page: the wheel needs no click before it. Double clicks are the browser's:
      // OpenLayers takes any two quick clicks for one, also on two objects far from each other.
      interactions: defaultInteractions({ onFocusOnly: false, doubleClickZoom: false }),
      view: new View({
        projection: this.projection,
        extent: this.extent,
        constrainOnlyCenter: true,
        enableRotation: false,
        resolutions: this.viewResolutions(imageSize),
        smoothResolutionConstraint: false,
      }),
    });
    this.fit();
    this.watch();
  }

  /** Shows the whole plate. */
  fit(): void {
    this.olMap.updateSize();
    this.olMap.getView().fit(this.extent, { padding: Array<number>(4).fill(FIT_PADDING) });
  }

  /** The centre in pixels of the map, y downwards, and map pixels per screen pixel. */
  place(): Place {
    const view = this.olMap.getView();
    const [x = 0, y = 0] = view.getCenter() ?? [];
    return { x, y: -y, resolution: view.getResolution() ?? 1 };
  }

  /** Shows a place. */
  goTo({ x, y, resolution }: Place): void {
    const view = this.olMap.getView();
    view.cancelAnimations();
    view.setResolution(resolution);
    view.setCenter([x, -y]);
  }

  /** Shows a box of the map: left, top, right and bottom in its pixels, y downwards. */
  showBox([left, top, right, bottom]: readonly [number, number, number, number]): void {
    const view = this.olMap.getView();
    view.cancelAnimations();
    view.fit([left, -bottom, right, -top], { padding: Array<number>(4).fill(FIT_PADDING) });
  }

  /** Zooms by a factor, above 1 in, below 1 out: around the centre, or a place that stays put. */
  zoomBy(factor: number, anchor?: Coordinate): void {
    const view = this.olMap.getView();
    view.cancelAnimations();
    view.animate({ resolution: (view.getResolution() ?? 1) / factor, anchor, duration: 150 });
  }

  /** The tiles on screen, at the level that is drawn. */
  tilesOnScreen(): TileOnScreen[] {
    const z = this.shownLevel();
    const shown = this.shownExtent();
    const resolution = this.tileGrid.getResolution(z);
    const [west = 0, south = 0, east = 0, north = 0] = shown.map((side) => side / resolution);
    const inTile = (place: number) => Math.min(TILE_SIZE, Math.max(0, Math.round(place)));
    const tiles: TileOnScreen[] = [];
    this.tileGrid.forEachTileCoord(shown, z, (coord) => {
      const [, x = 0, y = 0] = coord;
      if (this.tileGrid.getFullTileRange(z)?.containsXY(x, y) === false) return;
      const [left, right] = [inTile(west - x * TILE_SIZE), inTile(east - x * TILE_SIZE)];
      const [top, bottom] = [inTile(-north - y * TILE_SIZE), inTile(-south - y * TILE_SIZE)];
      tiles.push({ z, x, y, left, top, right, bottom });
    });
    return tiles;
  }

  /** The pixel that is drawn at a place of the map; undefined beside the plate. */
  pixelAt([x = 0, y = 0]: Coordinate): TilePixel | undefined {
    const [, bottom = 0, right = 0] = this.extent;
    if (x < 0 || x >= right || y > 0 || y <= bottom) return undefined;
    const z = this.shownLevel();
    const resolution = this.tileGrid.getResolution(z);
    const [column, row] = [Math.floor(x / resolution), Math.floor(-y / resolution)];
    return {
      z,
      x: Math.floor(column / TILE_SIZE),
      y: Math.floor(row / TILE_SIZE),
      index: (row % TILE_SIZE) * TILE_SIZE + (column % TILE_SIZE),
    };
  }

  /** The part of the map that is on screen. */
  shownExtent(): Extent {
    return this.olMap.getView().calculateExtent(this.olMap.getSize());
  }

  /** Says that something has to be fetched or drawn, before OpenLayers notices. */
  invalidate(): void {
    this.revision += 1;
    this.report();
    this.olMap.render();
  }

  /** Counts as incomplete until something has ended, well or not; gives it on. */
  async awaiting<T>(something: Promise<T>): Promise<T> {
    this.awaited += 1;
    this.invalidate();
    try {
      return await something;
    } finally {
      this.awaited -= 1;
      this.invalidate();
    }
  }

  /** Calls back each time when everything that is on screen has been fetched and drawn. */
  onSettled(listener: () => void): void {
    this.settledListeners.push(listener);
  }

  /** Waits until everything that is on screen has been fetched and drawn. */
  whenSettled(): Promise<void> {
    if (this.isSettled()) return Promise.resolve();
    return new Promise((resolve) => {
      this.waiting.push(resolve);
    });
  }

  dispose(): void {
    this.olMap.setTarget();
    this.olMap.dispose();
  }

  private isSettled(): boolean {
    return this.settledRevision === this.revision;
  }

  /** The level of the tiles that are drawn. */
  private shownLevel(): number {
    const resolution = this.olMap.getView().getResolution() ?? 1;
    return this.tileGrid.getZForResolution(resolution, this.zDirection);
  }

  private viewResolutions(imageSize: ImageSize): number[] {
    const outermost = Math.max(imageSize.width, imageSize.height) / 160;
    const levels = Math.ceil(Math.log2(outermost * MAX_MAGNIFICATION));
    return Array.from({ length: levels + 1 }, (_, level) => 2 ** (levels - level) / MAX_MAGNIFICATION);
  }

  private watch(): void {
    this.olMap.getViewport()?.addEventListener('dblclick', (event) => {
      if (!this.zoomsOnDoubleClick) return;
      this.zoomBy(event.shiftKey ? 0.5 : 2, this.olMap.getEventCoordinate(event));
    });
    const invalid = () => {
      this.revision += 1;
      this.report();
    };
    this.olMap.getView().on('propertychange', invalid);
    this.olMap.on('change:size', invalid);
    this.olMap.getLayerGroup().on('change', invalid);
    this.olMap.on('postrender', () => {
      this.renderedRevision = this.revision;
    });
    this.olMap.on('rendercomplete', () => {
      if (this.renderedRevision !== this.revision || this.awaited > 0) return;
      this.settledRevision = this.revision;
      // A listener may start something new, which makes the map incomplete again.
      for (const listener of this.settledListeners) listener();
      this.report();
      if (!this.isSettled()) return;
      for (const resolve of this.waiting.splice(0)) resolve();
    });
    this.report();
  }

  /** Lets tests and style sheets see the state: "0" when everything on screen is drawn. */
  private report(): void {
    this.element.dataset.tilesPending = this.isSettled() ? '0' : '1';
  }
}
