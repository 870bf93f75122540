/** All plates in a corner of the map, with what of them is on screen; a click or a drag goes there. */

import { containsExtent } from 'ol/extent';
import { element } from '../page/dom';
import type { PlateMap } from './map';
import type { Well } from './wells';

const SVG = 'http://www.w3.org/2000/svg';

/** The largest that it may be, in pixels of the screen. */
const [MAX_WIDTH, MAX_HEIGHT] = [150, 110];

function rectangle(left: number, top: number, right: number, bottom: number): SVGRectElement {
  const made = document.createElementNS(SVG, 'rect');
  place(made, left, top, right, bottom);
  return made;
}

function place(rect: SVGRectElement, left: number, top: number, right: number, bottom: number): void {
  const attributes = { x: left, y: top, width: right - left, height: bottom - top };
  for (const [name, value] of Object.entries(attributes)) rect.setAttribute(name, String(value));
}

export class MiniMap {
  private readonly svg = document.createElementNS(SVG, 'svg');
  private readonly frame = rectangle(0, 0, 1, 1);
  private readonly rects: ReadonlyMap<number, SVGRectElement>;
  private isWanted = true;

  constructor(
    private readonly map: PlateMap,
    wells: readonly Well[],
  ) {
    const [, bottom = 0, width = 1] = map.extent;
    const height = -bottom;
    this.rects = new Map(wells.map(({ id, box }) => [id, rectangle(...box)]));
    const scale = Math.min(MAX_WIDTH / width, MAX_HEIGHT / height);
    this.svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    this.svg.setAttribute('width', String(width * scale));
    this.svg.setAttribute('height', String(height * scale));
    this.svg.setAttribute('class', 'mini-map');
    // The keyboard has the arrows of the map and the wells in the panel.
    this.svg.setAttribute('aria-hidden', 'true');
    this.svg.dataset.testid = 'mini-map';
    this.frame.setAttribute('class', 'frame');
    this.svg.append(...this.rects.values(), this.frame);
    this.svg.addEventListener('pointerdown', (event) => {
      this.svg.setPointerCapture(event.pointerId);
      this.go(event);
    });
    this.svg.addEventListener('pointermove', (event) => {
      if (this.svg.hasPointerCapture(event.pointerId)) this.go(event);
    });
    map.element.append(this.svg);
    map.element.querySelector('.controls')?.append(this.toggle());
    map.olMap.getView().on('propertychange', this.follow);
    map.olMap.on('change:size', this.follow);
    this.follow();
  }

  /** Gives the wells colours; without one they are gray. */
  paint(colourOf: ((well: number) => string) | undefined): void {
    for (const [id, rect] of this.rects) rect.style.fill = colourOf?.(id) ?? '';
  }

  private toggle(): HTMLElement {
    const label = 'Show or hide the overview of all plates';
    const button = element('button', { title: label, 'aria-label': label, 'data-testid': 'mini-map-toggle' }, '▣');
    const show = () => {
      button.setAttribute('aria-pressed', String(this.isWanted));
    };
    button.addEventListener('click', () => {
      this.isWanted = !this.isWanted;
      show();
      this.follow();
    });
    show();
    return button;
  }

  /** Frames what is on screen; where that is all there is nothing to tell. */
  private readonly follow = (): void => {
    const shown = this.map.shownExtent();
    const isAll = containsExtent(shown, this.map.extent);
    this.svg.toggleAttribute('hidden', isAll || !this.isWanted);
    const [west = 0, south = 0, east = 0, north = 0] = shown;
    place(this.frame, west, -north, east, -south);
  };

  private go(event: PointerEvent): void {
    const matrix = this.svg.getScreenCTM();
    if (matrix === null) return;
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
    this.map.goTo({ ...this.map.place(), x, y });
  }
}
