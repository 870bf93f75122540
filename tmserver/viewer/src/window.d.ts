import type OlMap from 'ol/Map';

/** A rectangle of the map in pixels at full resolution, y downwards from the top. */
interface Region {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** What tests and the browser's console may use while a plate is on show. */
interface TmViewer {
  readonly map: OlMap;
  readonly renderer: 'webgl' | 'canvas';
  /** Zooms so that the region fills the window. */
  showRegion(region: Region): void;
  /** Colours the objects of a type by a feature, a tool result or metadata; null undoes it. */
  colourBy(typeName: string, column: string | null): Promise<void>;
}

declare global {
  interface Window {
    tmViewer?: TmViewer;
  }
}
