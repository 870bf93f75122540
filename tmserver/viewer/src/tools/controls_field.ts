/** Chooses control wells: by what was done to them, or by clicks on the wells of the plate. */

import { element } from '../page/dom';
import { counted } from '../page/format';
import type { Well } from '../plate/wells';
import { wellPosition } from '../plate/wells';
import type { Field } from './schema_form';

/** Gives clicks on the wells of the plate to one who collects them. */
export interface WellPicking {
  readonly wells: () => readonly Well[];
  /** The one who collected before is told; undefined ends it. */
  readonly pick: (picker: WellPicker | undefined) => void;
}

export interface WellPicker {
  /** What is done with the wells, in a sentence. */
  readonly hint: string;
  readonly has: (well: Well) => boolean;
  readonly toggle: (well: Well) => void;
  /** Called when clicks go to somebody else again. */
  readonly stopped: () => void;
}

/** A name means the wells of this name on all plates, a value of a condition all wells with it. */
export type Control = string | { readonly column: string; readonly value: string | number };

/** All values of all conditions that wells have, with how many wells have each. */
export function conditionValues(
  wells: readonly Well[],
): ReadonlyMap<string, ReadonlyMap<string | number, number>> {
  const found = new Map<string, Map<string | number, number>>();
  for (const { conditions } of wells) {
    for (const [name, value] of conditions) {
      const values = found.get(name) ?? new Map<string | number, number>();
      values.set(value, (values.get(value) ?? 0) + 1);
      found.set(name, values);
    }
  }
  const compare = (one: string | number, other: string | number) =>
    typeof one === 'number' && typeof other === 'number'
      ? one - other
      : String(one).localeCompare(String(other), 'en', { numeric: true });
  return new Map(
    [...found].map(([name, values]) => [
      name,
      new Map([...values].sort(([one], [other]) => compare(one, other))),
    ]),
  );
}

/** "a1" is the well A01, as the server reads it. */
function isCalled(well: Well, name: string): boolean {
  const position = wellPosition(name.toUpperCase());
  return position !== null && position[0] === well.row && position[1] === well.column;
}

export function isControl(well: Well, control: Control): boolean {
  if (typeof control === 'string') return isCalled(well, control);
  return well.conditions.get(control.column) === control.value;
}

export class ControlsField implements Field {
  readonly element = element('div', { class: 'tool-controls' });
  private controls: Control[] = [];
  private isPicking = false;
  private readonly chosen = element('ul');
  private readonly conditions: HTMLSelectElement;
  private readonly click: HTMLButtonElement;
  /** What each option of the list stands for, in its order. */
  private offered: Control[] = [];
  private readonly picker: WellPicker;

  constructor(
    private readonly picking: WellPicking,
    label: string,
    description: string,
    id: string,
  ) {
    this.conditions = element('select', { id });
    // There are others when a plate map has been loaded meanwhile.
    this.conditions.addEventListener('pointerdown', this.offer);
    this.conditions.addEventListener('focus', this.offer);
    this.conditions.addEventListener('change', () => {
      const control = this.offered[this.conditions.selectedIndex - 1];
      this.conditions.selectedIndex = 0;
      if (control !== undefined) this.add(control);
    });
    this.click = element('button', { type: 'button', class: 'small' }, 'Click wells …');
    this.click.addEventListener('click', () => {
      const begins = !this.isPicking;
      picking.pick(begins ? this.picker : undefined);
      this.show(begins);
    });
    this.picker = {
      hint: `Click wells or drag over them to choose them as ${label.toLowerCase()}, and again to leave them out.`,
      has: (well) => this.controls.some((control) => isControl(well, control)),
      toggle: (well) => {
        const named = this.controls.find((control) => typeof control === 'string' && isCalled(well, control));
        if (named === undefined) this.add(well.name);
        else this.remove(named);
      },
      stopped: () => {
        this.show(false);
      },
    };
    const names = element('input', {
      type: 'text',
      placeholder: 'or names: A01, A02',
      autocomplete: 'off',
      'aria-label': `Names of wells that are ${label.toLowerCase()}`,
    });
    names.addEventListener('change', () => {
      for (const name of names.value.split(/[\s,;]+/)) if (name !== '') this.add(name);
      names.value = '';
    });
    this.offer();
    this.show(false);
    this.element.append(
      element('p', { class: 'hint' }, description),
      this.chosen,
      element('div', { class: 'row' }, this.conditions, this.click),
      names,
    );
  }

  value(): readonly Control[] {
    return this.controls;
  }

  private readonly offer = (): void => {
    const groups = [...conditionValues(this.picking.wells())].map(([column, values]) => ({
      column,
      values: [...values],
    }));
    this.offered = groups.flatMap(({ column, values }) => values.map(([value]) => ({ column, value })));
    const first = groups.length === 0 ? 'No plate map is loaded' : 'Wells with …';
    this.conditions.replaceChildren(
      element('option', { value: '' }, first),
      ...groups.map(({ column, values }) =>
        element(
          'optgroup',
          { label: column },
          ...values.map(([value, n]) =>
            element('option', { value: `${column}: ${value}` }, `${value} (${counted(n, 'well')})`),
          ),
        ),
      ),
    );
  };

  private add(control: Control): void {
    const text = JSON.stringify(control);
    if (this.controls.some((each) => JSON.stringify(each) === text)) return;
    this.controls = [...this.controls, control];
    this.draw();
  }

  private remove(control: Control): void {
    this.controls = this.controls.filter((each) => each !== control);
    this.draw();
  }

  private show(isPicking: boolean): void {
    this.isPicking = isPicking;
    this.click.setAttribute('aria-pressed', String(isPicking));
    this.click.textContent = isPicking ? 'Done' : 'Click wells …';
  }

  private draw(): void {
    this.chosen.replaceChildren(
      ...this.controls.map((control) => {
        const text = typeof control === 'string' ? control : `${control.column}: ${control.value}`;
        const n = this.picking.wells().filter((well) => isControl(well, control)).length;
        const remove = element(
          'button',
          { type: 'button', class: 'small', 'aria-label': `Leave out ${text}` },
          '×',
        );
        remove.addEventListener('click', () => {
          this.remove(control);
          if (this.isPicking) this.picking.pick(this.picker);
        });
        const name = element('span', { class: 'grow' }, text);
        const count = element('span', { class: 'hint' }, counted(n, 'well'));
        return element('li', { class: 'row' }, name, count, remove);
      }),
    );
  }
}
