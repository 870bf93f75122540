/** Chooses features by their names, of which there may be hundreds. */

import { element } from '../page/dom';
import type { Field } from './schema_form';

/** Names that are drawn at once; a search finds the others. */
const SHOWN = 200;

/** One feature: a text that the browser completes. */
export function featureField(names: readonly string[], id: string): Field & {
  readonly input: HTMLInputElement;
} {
  const list = element(
    'datalist',
    { id: `${id}-names` },
    ...names.map((name) => element('option', { value: name })),
  );
  const input = element('input', {
    id,
    type: 'text',
    list: `${id}-names`,
    value: names[0] ?? '',
    autocomplete: 'off',
  });
  input.addEventListener('focus', () => {
    input.select();
  });
  const made = element('div', {}, input, list);
  return { element: made, input, value: () => (input.value === '' ? undefined : input.value) };
}

/** Any number of features: a search above a list of boxes. */
export function featuresField(names: readonly string[], id: string): Field {
  const chosen = new Set<string>();
  const search = element('input', { id, type: 'search', placeholder: 'Search', autocomplete: 'off' });
  const list = element('ul', { class: 'tool-features' });
  const count = element('span', { class: 'hint grow' });
  const found = () => {
    const words = search.value.toLowerCase().split(/\s+/);
    return names.filter((name) => words.every((word) => name.toLowerCase().includes(word)));
  };
  const tell = () => {
    count.textContent = `${chosen.size} of ${names.length} chosen`;
  };
  const draw = () => {
    const matching = found();
    const rows = matching.slice(0, SHOWN).map((name) => {
      const box = element('input', { type: 'checkbox', value: name });
      box.checked = chosen.has(name);
      box.addEventListener('change', () => {
        if (box.checked) chosen.add(name);
        else chosen.delete(name);
        tell();
      });
      return element('li', {}, element('label', { title: name }, box, name));
    });
    if (matching.length > SHOWN) {
      rows.push(element('li', { class: 'hint' }, `and ${matching.length - SHOWN} more: search`));
    }
    list.replaceChildren(...rows);
    tell();
  };
  const set = (isChosen: boolean) => () => {
    for (const name of found()) {
      if (isChosen) chosen.add(name);
      else chosen.delete(name);
    }
    draw();
  };
  search.addEventListener('input', draw);
  draw();
  const made = element(
    'div',
    { class: 'tool-feature-picker' },
    search,
    list,
    element(
      'div',
      { class: 'row' },
      count,
      element('button', { class: 'small', type: 'button', onclick: set(true) }, 'All'),
      element('button', { class: 'small', type: 'button', onclick: set(false) }, 'None'),
    ),
  );
  return { element: made, value: () => names.filter((name) => chosen.has(name)) };
}
