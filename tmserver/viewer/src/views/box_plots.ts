/** A box for each group of objects, on the scale of the histogram above them. */

import type { GroupPage, ObjectGroup } from '../api_types';
import { element } from '../page/dom';
import { counted, formatCount, formatValue } from '../page/format';

type Value = string | number | boolean;

export class BoxPlots {
  readonly element = element('div', { class: 'box-plots', 'data-testid': 'box-plots' });

  /** Called with what the objects of a group have in common, which is to be selected. */
  onChoose: ((value: Value) => void) | undefined;

  /** `range` is where boxes begin and end that take all the room. */
  show(page: GroupPage | undefined, range: readonly [number, number]): void {
    const groups = page?.groups ?? [];
    const rest = (page?.n_groups ?? 0) - groups.length;
    this.element.replaceChildren(
      ...groups.map((group) => this.row(group, range)),
      ...(rest > 0 ? [element('p', { class: 'hint' }, `and ${formatCount(rest)} more`)] : []),
    );
  }

  private row(group: ObjectGroup, range: readonly [number, number]): HTMLElement {
    const [key = null] = group.key;
    const text = key === null ? 'missing' : String(key);
    const label = element('button', { class: 'plain', type: 'button', title: `Select ${text}` }, text);
    label.disabled = key === null;
    label.addEventListener('click', () => {
      if (key !== null) this.onChoose?.(key);
    });
    return element(
      'div',
      { class: 'box-row' },
      label,
      box(group, range),
      element('span', { class: 'hint' }, counted(group.n_objects, 'object')),
    );
  }
}

/** Whiskers from the 5th to the 95th percentile, a box of the quartiles, and the median. */
function box(group: ObjectGroup, [low, high]: readonly [number, number]): HTMLElement {
  const [statistics] = group.statistics;
  const numbers = [...(statistics?.quantiles ?? []), statistics?.median ?? null];
  const found = numbers.filter((number) => number !== null);
  const track = element('div', { class: 'box-track' });
  if (found.length < 5) return track;
  const place = (number: number) => (high > low ? ((number - low) / (high - low)) * 100 : 50);
  const [least = 0, lower = 0, upper = 0, most = 0, median = 0] = found;
  const part = (name: string, from: number, to: number) => {
    const made = element('div', { class: name });
    made.style.left = `${place(from)}%`;
    made.style.width = `${place(to) - place(from)}%`;
    return made;
  };
  track.setAttribute('role', 'img');
  track.setAttribute(
    'aria-label',
    `Median ${formatValue(median)}, quartiles ${formatValue(lower)} and ${formatValue(upper)}, ` +
      `5 % below ${formatValue(least)}, 5 % above ${formatValue(most)}`,
  );
  track.title = track.getAttribute('aria-label') ?? '';
  track.append(part('whisker', least, most), part('box', lower, upper), part('median', median, median));
  return track;
}
