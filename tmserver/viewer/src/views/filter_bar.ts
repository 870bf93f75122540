/** The conditions that the shown objects meet: added, listed and taken away. */

import type { TableColumn } from '../api_types';
import { element } from '../page/dom';
import type { Condition } from './docked';
import { conditionText } from './docked';

/** What was typed for a column of texts, or of yes and no. */
function readValues(text: string, column: TableColumn): (string | boolean)[] {
  const parts = text.split(',').map((part) => part.trim()).filter((part) => part !== '');
  return column.type === 'boolean' ? parts.map((part) => /^(yes|true|1)$/i.test(part)) : parts;
}

export class FilterBar {
  readonly element = element('div', { class: 'filter-bar' });
  private readonly chips = element('ul', { class: 'chips', 'data-testid': 'filter-list' });
  private readonly names = element('datalist', { id: 'filter-columns' });
  private readonly column = element('input', {
    type: 'search',
    list: 'filter-columns',
    placeholder: 'Filter by …',
    autocomplete: 'off',
    'aria-label': 'Column to filter by',
    'data-testid': 'filter-column',
  });
  private readonly min = this.bound('from', 'Smallest value', 'filter-min');
  private readonly max = this.bound('to', 'Largest value', 'filter-max');
  private readonly values = element('input', {
    type: 'text',
    placeholder: 'one, another',
    hidden: true,
    'aria-label': 'Values, separated by commas',
    'data-testid': 'filter-values',
  });
  private known: ReadonlyMap<string, TableColumn> = new Map();
  private conditions: readonly Condition[] = [];

  /** Called with the conditions that are to hold from now on. */
  onChange: ((conditions: readonly Condition[]) => void) | undefined;

  constructor() {
    const add = element('button', { class: 'small', 'data-testid': 'filter-add' }, 'Filter');
    const form = element(
      'form',
      { class: 'row' },
      this.column,
      this.names,
      this.min,
      this.max,
      this.values,
      add,
    );
    this.column.addEventListener('input', () => {
      const isText = this.takesValues(this.known.get(this.column.value));
      this.values.hidden = !isText;
      this.min.hidden = this.max.hidden = isText;
    });
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const condition = this.read();
      if (condition === undefined) {
        this.column.focus();
        return;
      }
      for (const input of [this.column, this.min, this.max, this.values]) input.value = '';
      this.onChange?.([...this.conditions, condition]);
    });
    this.element.append(form, this.chips);
  }

  show(conditions: readonly Condition[], known: ReadonlyMap<string, TableColumn>): void {
    if (known !== this.known) {
      this.names.replaceChildren(
        ...[...known.keys()].map((name) => element('option', { value: name })),
      );
    }
    this.known = known;
    this.conditions = conditions;
    this.chips.replaceChildren(
      ...conditions.map((condition) => {
        const text = conditionText(condition);
        const remove = element(
          'button',
          { class: 'plain', type: 'button', 'aria-label': `Remove the filter ${text}` },
          '×',
        );
        remove.addEventListener('click', () => {
          this.onChange?.(this.conditions.filter((one) => one !== condition));
        });
        return element('li', {}, text, remove);
      }),
    );
  }

  private bound(placeholder: string, label: string, testId: string): HTMLInputElement {
    const attributes = { type: 'number', step: 'any', placeholder, 'aria-label': label };
    return element('input', { ...attributes, 'data-testid': testId });
  }

  private takesValues(column: TableColumn | undefined): boolean {
    return column?.type === 'text' || column?.type === 'boolean';
  }

  /** What was typed; undefined where it is no condition. */
  private read(): Condition | undefined {
    const name = this.column.value;
    const column = this.known.get(name);
    if (column === undefined) return undefined;
    if (this.takesValues(column)) {
      const values = readValues(this.values.value, column);
      return values.length > 0 ? { column: name, values } : undefined;
    }
    const [min, max] = [this.min, this.max].map((input) => input.valueAsNumber);
    const condition = {
      column: name,
      ...(min === undefined || Number.isNaN(min) ? {} : { min }),
      ...(max === undefined || Number.isNaN(max) ? {} : { max }),
    };
    return Object.keys(condition).length > 1 ? condition : undefined;
  }
}
