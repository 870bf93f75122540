/** Chooses objects: by clicks, rectangles and free outlines on the map, or by their numbers. */

import type Geometry from 'ol/geom/Geometry';
import type Polygon from 'ol/geom/Polygon';
import { messageOf } from '../api';
import type { MapObject } from '../objects/object_layers';
import { SELECTION_COLOUR } from '../objects/object_selection';
import { element } from '../page/dom';
import { counted } from '../page/format';
import type { OutlineKind } from '../plate/outline_drawing';
import type { Field } from './schema_form';
import type { Picking } from './training_classes';

/** Numbers of the objects whose centre lies within an outline on the map. */
export type FindWithin = (outline: Polygon) => Promise<readonly number[]>;

/** The numbers in a text, with anything between them. */
export function numbersIn(text: string): number[] {
  return (text.match(/\d+/g) ?? []).map(Number).filter((number) => Number.isSafeInteger(number) && number > 0);
}

export class SelectionField implements Field {
  readonly element = element('div', { class: 'tool-selection' });
  private readonly numbers = new Set<number>();
  /** What is drawn on the map for the choice. */
  private readonly outlines: Polygon[] = [];
  private readonly clicked = new Map<number, Geometry>();
  private readonly count = element('output', { class: 'grow', 'data-testid': 'selection-count' });
  private readonly problem = element('p', { class: 'error', role: 'alert' });
  private readonly buttons: ReadonlyMap<OutlineKind, HTMLButtonElement>;
  private drawing: OutlineKind | undefined;

  constructor(
    private readonly typeName: string,
    private readonly picking: Picking,
    private readonly within: FindWithin,
    id: string,
  ) {
    this.buttons = new Map([
      ['rectangle', this.button('Rectangle', 'rectangle')],
      ['lasso', this.button('Lasso', 'lasso')],
    ]);
    const list = element('input', {
      id,
      type: 'text',
      placeholder: 'Numbers: 12, 13, 40',
      autocomplete: 'off',
      'data-testid': 'selection-list',
    });
    list.addEventListener('change', () => {
      for (const number of numbersIn(list.value)) this.numbers.add(number);
      list.value = '';
      this.show();
    });
    const clear = element('button', { type: 'button', class: 'small' }, 'Clear');
    clear.addEventListener('click', () => {
      this.numbers.clear();
      this.clicked.clear();
      this.outlines.length = 0;
      this.show();
    });
    const hint = `Click ${typeName} on the map, drag a rectangle or an outline around them, or enter their numbers.`;
    this.element.append(
      element('p', { class: 'hint' }, hint),
      element('div', { class: 'row' }, ...this.buttons.values()),
      list,
      element('div', { class: 'row' }, this.count, clear),
      this.problem,
    );
    picking.listen((objects) => {
      this.pick(objects);
    });
    this.show();
  }

  value(): readonly number[] {
    return [...this.numbers];
  }

  private button(text: string, kind: OutlineKind): HTMLButtonElement {
    const made = element(
      'button',
      { type: 'button', class: 'small', 'aria-pressed': 'false', 'data-testid': `selection-${kind}` },
      text,
    );
    made.addEventListener('click', () => {
      this.draw(this.drawing === kind ? undefined : kind);
    });
    return made;
  }

  private draw(kind: OutlineKind | undefined): void {
    this.drawing = kind;
    for (const [each, button] of this.buttons) button.setAttribute('aria-pressed', String(each === kind));
    this.picking.draw(kind, (outline) => {
      this.draw(undefined);
      void this.add(outline);
    });
  }

  private async add(outline: Polygon): Promise<void> {
    this.problem.textContent = '';
    try {
      const found = await this.within(outline);
      for (const number of found) this.numbers.add(number);
      this.outlines.push(outline);
      this.show();
    } catch (error) {
      this.problem.textContent = messageOf(error);
    }
  }

  /** An object that is clicked is chosen, or left out if it was. */
  private pick(objects: readonly MapObject[]): void {
    const object = objects.find(({ typeName }) => typeName === this.typeName);
    if (object === undefined) return;
    if (this.numbers.delete(object.id)) this.clicked.delete(object.id);
    else {
      this.numbers.add(object.id);
      this.clicked.set(object.id, object.geometry);
    }
    this.show();
  }

  private show(): void {
    this.count.textContent = `${counted(this.numbers.size, 'object')} chosen`;
    const shapes = [...this.outlines, ...this.clicked.values()];
    this.picking.show(shapes.map((geometry) => ({ geometry, colour: SELECTION_COLOUR })));
  }
}
