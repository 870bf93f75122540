/** Classes and their examples, which are chosen by clicking objects on the map. */

import type Geometry from 'ol/geom/Geometry';
import type Polygon from 'ol/geom/Polygon';
import { element } from '../page/dom';
import type { MapObject } from '../objects/object_layers';
import type { OutlineKind } from '../plate/outline_drawing';
import type { PickedObject } from '../plate/picked_objects';
import type { Field } from './schema_form';

interface TrainingClass {
  name: string;
  color: string;
  readonly objects: Map<number, Geometry>;
}

/** What the field needs of the map. */
export interface Picking {
  /** Objects that are clicked are given to the listener, until it is taken away. */
  listen(listener: ((objects: readonly MapObject[]) => void) | undefined): void;
  show(objects: Iterable<PickedObject>): void;
  /** Takes the next outline that is drawn on the map; undefined ends it. */
  draw(kind: OutlineKind | undefined, done: (outline: Polygon) => void): void;
}

const COLOURS = ['#56b4e9', '#e69f00', '#00c49a', '#cc79a7', '#f0e442', '#d55e00'];

export class TrainingClassesField implements Field {
  readonly element = element('div', { class: 'tool-classes' });
  private readonly list = element('ul', {});
  private readonly hint = element('p', { class: 'hint', 'data-testid': 'training-hint' });
  private readonly classes: TrainingClass[] = [];
  private active: TrainingClass | undefined;

  constructor(
    private readonly typeName: string,
    private readonly picking: Picking,
    id: string,
  ) {
    const add = element(
      'button',
      { id, type: 'button', class: 'small', 'data-testid': 'training-add' },
      'Add a class',
    );
    add.addEventListener('click', () => {
      this.add();
    });
    this.element.append(this.list, add, this.hint);
    this.add();
    this.add();
    this.activate(this.classes[0]);
    picking.listen((objects) => {
      this.pick(objects);
    });
  }

  value(): { name: string; color: string; object_ids: number[] }[] {
    return this.classes.map(({ name, color, objects }) => ({
      name,
      color,
      object_ids: [...objects.keys()],
    }));
  }

  private add(): void {
    const number = this.classes.length;
    const color = COLOURS[number % COLOURS.length] ?? '#ffffff';
    const made = { name: `Class ${number + 1}`, color, objects: new Map<number, Geometry>() };
    this.classes.push(made);
    this.activate(made);
  }

  private activate(chosen: TrainingClass | undefined): void {
    this.active = chosen;
    this.draw();
  }

  /** An object goes to the class that is active, or out of it if it is there already. */
  private pick(objects: readonly MapObject[]): void {
    const object = objects.find(({ typeName }) => typeName === this.typeName);
    if (object === undefined || this.active === undefined) {
      this.hint.textContent =
        objects.length === 0 ? '' : `This is no object of “${this.typeName}”.`;
      return;
    }
    const wasThere = this.active.objects.has(object.id);
    for (const { objects: examples } of this.classes) examples.delete(object.id);
    if (!wasThere) this.active.objects.set(object.id, object.geometry);
    this.draw();
  }

  private draw(): void {
    this.hint.textContent = `Click objects on the map that are examples of “${this.active?.name ?? ''}”.`;
    this.list.replaceChildren(...this.classes.map((each, index) => this.row(each, index)));
    this.picking.show(
      this.classes.flatMap(({ objects, color }) =>
        [...objects.values()].map((geometry) => ({ geometry, colour: color })),
      ),
    );
  }

  private row(each: TrainingClass, index: number): HTMLElement {
    const active = element('input', {
      type: 'radio',
      name: 'training-class',
      'aria-label': `Collect examples of ${each.name}`,
      'data-testid': `training-${index}-active`,
    });
    active.checked = each === this.active;
    active.addEventListener('change', () => {
      this.activate(each);
    });
    const colour = element('input', { type: 'color', value: each.color, 'aria-label': 'Colour' });
    colour.addEventListener('change', () => {
      each.color = colour.value;
      this.draw();
    });
    const name = element('input', {
      type: 'text',
      class: 'grow',
      value: each.name,
      'aria-label': 'Name of the class',
      'data-testid': `training-${index}-name`,
    });
    name.addEventListener('change', () => {
      each.name = name.value;
      this.draw();
    });
    const count = element(
      'span',
      { class: 'hint', 'data-testid': `training-${index}-count` },
      String(each.objects.size),
    );
    const remove = element(
      'button',
      { type: 'button', class: 'small', 'aria-label': `Remove ${each.name}` },
      '×',
    );
    remove.addEventListener('click', () => {
      this.classes.splice(this.classes.indexOf(each), 1);
      this.activate(this.classes[0]);
    });
    return element('li', { class: 'row' }, active, colour, name, count, remove);
  }
}
