/** What a view beside the map has to do, and what it can ask for. */

import type { ObjectSelection } from '../objects/object_selection';
import type { Square } from '../pixels/crop';
import type { ShownRows } from './shown_rows';

/** An object with its centre in pixels of the map, y downwards. */
export interface PlacedObject {
  readonly id: number;
  readonly x: number;
  readonly y: number;
}

export interface ViewContext {
  readonly rows: ShownRows;
  readonly selection: ObjectSelection;
  /** The id of the object of the shown type whose card is open. */
  readonly current: () => number | undefined;
  /** Shows an object of a type on the map, and its card. */
  readonly go: (typeName: string, object: PlacedObject) => void;
  /** Draws a part of the map as it is shown. */
  readonly draw: (canvas: HTMLCanvasElement, square: Square) => Promise<void>;
  /** Micrometres to a pixel of the map, where they are known. */
  readonly pixelSize: number | null;
  /** Says in a sentence what went wrong. */
  readonly report: (message: string) => void;
  /** Says that rows, columns, order or filter are others. */
  readonly changed: () => void;
}

export interface ObjectView {
  readonly element: HTMLElement;
  /** Fetches what is shown: there are other rows, or the same have other values. */
  refresh(): Promise<void>;
  /** Marks what is selected. */
  mark(): void;
  /** Whether other objects are shown when others are selected. */
  followsSelection?(): boolean;
  /** Draws pictures again: channels are shown otherwise. */
  repaint?(): void;
}
