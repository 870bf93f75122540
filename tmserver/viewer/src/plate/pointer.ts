/** What the pointer tells: where it is, the object beside it, and the selection on a click. */

import type { Coordinate } from 'ol/coordinate';
import Feature from 'ol/Feature';
import VectorLayer from 'ol/layer/Vector';
import VectorSource from 'ol/source/Vector';
import { Circle, Fill, Stroke, Style } from 'ol/style';
import { element } from '../page/dom';
import type { PlateMap, TilePixel } from './map';
import type { MapObject, ObjectLayers } from '../objects/object_layers';

/** Above all outlines. */
const HIGHLIGHT_Z = 1000;

const HIGHLIGHT = [
  // A dark line below the light one makes it stand out on any colour.
  new Style({ stroke: new Stroke({ color: 'rgba(0, 0, 0, 0.75)', width: 5 }) }),
  new Style({
    stroke: new Stroke({ color: '#ffffff', width: 2.5 }),
    fill: new Fill({ color: 'rgba(255, 255, 255, 0.12)' }),
    image: new Circle({ radius: 6, stroke: new Stroke({ color: '#ffffff', width: 2 }) }),
  }),
];

/** Whether a click adds to what is selected, as in all lists. */
function adds(event: MouseEvent | KeyboardEvent): boolean {
  return event.ctrlKey || event.metaKey || event.shiftKey;
}

function describe(objects: readonly MapObject[], layers: ObjectLayers): string {
  // The site and well around a cell would only hide it.
  const segmented = objects.filter((object) => !object.isStatic);
  return (segmented.length > 0 ? segmented : objects)
    .flatMap((object) => [`${object.typeName} ${object.id}`, layers.valueOf(object) ?? ''])
    .filter((line) => line !== '')
    .join('\n');
}

export class Pointer {
  private readonly highlight = new VectorSource();
  private readonly position = element('div', { class: 'position', 'data-testid': 'position' });
  private readonly label = element('div', {
    class: 'object-label',
    'data-testid': 'object-label',
    hidden: true,
  });
  private selected: MapObject | undefined;
  private waiting = false;
  /** Where the pointer is on the map, in screen pixels. */
  private pixel: number[] | undefined;

  /** Called with the object that was clicked, undefined when none. */
  onSelect: ((object: MapObject | undefined) => void) | undefined;
  /** Called with the selected object when it is drawn otherwise, in finer lines for example. */
  onRedraw: ((object: MapObject) => void) | undefined;
  /** Called with all that was clicked together with a key that adds to a selection. */
  onAdd: ((objects: readonly MapObject[]) => void) | undefined;
  /** The intensities at a pixel of the channels on show. */
  intensities: ((pixel: TilePixel) => Promise<string[]>) | undefined;
  /** Takes a click for something that lies above the objects; whether it was one. */
  onClick: ((coordinate: Coordinate) => boolean) | undefined;
  /** What lies above the objects at a place, line by line. */
  describe: ((coordinate: Coordinate) => string[]) | undefined;
  /** Takes the objects that are clicked in place of the selection, while somebody collects them. */
  onPick: ((objects: readonly MapObject[]) => void) | undefined;

  constructor(
    private readonly map: PlateMap,
    private readonly objects: ObjectLayers,
  ) {
    map.element.append(this.label, this.position);
    map.olMap.addLayer(
      new VectorLayer({ source: this.highlight, style: HIGHLIGHT, zIndex: HIGHLIGHT_Z }),
    );
    map.olMap.on('pointermove', (event) => {
      this.pixel = event.dragging ? undefined : event.pixel;
      if (event.dragging) this.label.hidden = true;
      else this.hover();
    });
    map.element.addEventListener('pointerleave', () => {
      this.pixel = undefined;
      this.label.hidden = true;
      this.position.textContent = '';
    });
    map.olMap.on('click', ({ coordinate, originalEvent }) => {
      this.take(coordinate, originalEvent instanceof MouseEvent && adds(originalEvent));
    });
    map.element.addEventListener('keydown', (event) => {
      if (event.target !== map.element) return;
      if (event.key === 'Enter') this.take(map.olMap.getView().getCenter() ?? [], adds(event));
      else if (event.key === 'Escape') this.select(undefined);
    });
    map.onSettled(() => {
      this.redraw();
      // What lies below a pointer that rests may be another thing now.
      this.hover();
    });
  }

  get selection(): MapObject | undefined {
    return this.selected;
  }

  select(object: MapObject | undefined): void {
    this.selected = object;
    this.draw();
    this.onSelect?.(object);
  }

  /** Does with what lies at a place what a click does; one that `isMore` adds to a selection. */
  private take(coordinate: Coordinate, isMore: boolean): void {
    const found = this.objects.at(coordinate);
    if (this.onPick !== undefined) this.onPick(found);
    else if (this.onClick?.(coordinate) === true) return;
    else if (isMore) this.onAdd?.(found);
    else this.select(found[0]);
  }

  /** Looks up objects once per frame, however fast the pointer moves. */
  private hover(): void {
    if (this.waiting || this.pixel === undefined) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      // It may have left the map meanwhile.
      if (this.pixel === undefined) return;
      const [left = 0, top = 0] = this.pixel;
      const coordinate = this.map.olMap.getCoordinateFromPixel(this.pixel);
      void this.tell(coordinate);
      const found = this.objects.at(coordinate);
      const counts = this.objects
        .countsAt(coordinate)
        .map(({ typeName, count }) => `${typeName}: ${count.toLocaleString('en')} here`);
      const above = this.describe?.(coordinate) ?? [];
      const text = [...above, ...counts, describe(found, this.objects)]
        .filter((line) => line !== '')
        .join('\n');
      this.label.hidden = text === '';
      this.label.textContent = text;
      this.label.style.transform = `translate(${left + 14}px, ${top + 14}px)`;
      this.map.element.classList.toggle('on-object', found.length + above.length > 0);
    });
  }

  /** Says where the pointer is, and how bright the channels are there. */
  private async tell(coordinate: Coordinate): Promise<void> {
    const [x = 0, y = 0] = coordinate;
    const place = `x ${Math.floor(x)}, y ${Math.floor(-y)}`;
    const { pixel } = this;
    this.position.textContent = place;
    const shown = this.map.pixelAt(coordinate);
    if (shown === undefined || this.intensities === undefined) return;
    // The map says which tiles are missing.
    const found = await this.intensities(shown).catch(() => []);
    if (pixel === this.pixel) this.position.textContent = [place, ...found].join(' · ');
  }

  /** Outlines get finer on the way in: the highlight follows. */
  private redraw(): void {
    if (this.selected === undefined) return;
    const current = this.objects.current(this.selected);
    if (current === undefined) return;
    const [drawn] = this.highlight.getFeatures();
    const isSame =
      drawn?.get('shape') === current.geometry.getType() &&
      drawn.getGeometry()?.getExtent().join() === current.geometry.getExtent().join();
    if (isSame) return;
    this.selected = current;
    this.draw();
    this.onRedraw?.(current);
  }

  private draw(): void {
    this.highlight.clear();
    if (this.selected === undefined) return;
    const { geometry } = this.selected;
    this.highlight.addFeature(new Feature({ geometry, shape: geometry.getType() }));
  }
}
