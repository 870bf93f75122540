/** Lets somebody draw one outline on the map by dragging: a rectangle, or freely. */

import Draw, { createBox } from 'ol/interaction/Draw';
import Polygon from 'ol/geom/Polygon';
import type { PlateMap } from './map';

export type OutlineKind = 'rectangle' | 'lasso';

export class OutlineDrawing {
  private draw: Draw | undefined;

  constructor(private readonly map: PlateMap) {}

  /**
   * Takes the next drag over the map; `done` gets its outline in coordinates of the map. Without a
   * kind what was begun ends.
   */
  take(kind: OutlineKind | undefined, done: (outline: Polygon) => void): void {
    this.end();
    if (kind === undefined) return;
    const draw = new Draw(
      kind === 'rectangle'
        ? { type: 'Circle', freehand: true, geometryFunction: createBox() }
        : { type: 'Polygon', freehand: true },
    );
    draw.on('drawend', ({ feature }) => {
      const outline = feature.getGeometry();
      // The interaction is still at work in this moment.
      setTimeout(() => {
        this.end();
        if (outline instanceof Polygon) done(outline);
      });
    });
    this.map.olMap.addInteraction(draw);
    this.draw = draw;
  }

  private end(): void {
    if (this.draw !== undefined) this.map.olMap.removeInteraction(this.draw);
    this.draw = undefined;
  }
}
