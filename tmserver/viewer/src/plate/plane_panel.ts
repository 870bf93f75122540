/** The part of the panel in which time point and z-plane are chosen, where there are several. */

import type { Plane } from '../pixels/channels';
import { element } from '../page/dom';

function selector(
  label: string,
  testId: string,
  values: readonly number[],
  initial: number,
  choose: (value: number) => void,
): HTMLElement {
  const current = element('output', {}, String(initial));
  const slider = element('input', {
    type: 'range',
    min: '0',
    max: String(values.length - 1),
    value: String(values.indexOf(initial)),
    'aria-label': label,
    'data-testid': testId,
  });
  slider.addEventListener('input', () => {
    const value = values[slider.valueAsNumber];
    if (value === undefined) return;
    current.textContent = String(value);
    slider.setAttribute('aria-valuetext', String(value));
    choose(value);
  });
  return element('label', { class: 'row plane' }, label, slider, current);
}

/** Null when there is nothing to choose. */
export function planePanel(
  tpoints: readonly number[],
  zplanes: readonly number[],
  initial: Plane,
  choose: (plane: Plane) => void,
): HTMLElement | null {
  let plane = initial;
  const change = (part: Partial<Plane>) => {
    plane = { ...plane, ...part };
    choose(plane);
  };
  const selectors: HTMLElement[] = [];
  if (tpoints.length > 1) {
    selectors.push(
      selector('Time point', 'tpoint', tpoints, initial.tpoint, (tpoint) => {
        change({ tpoint });
      }),
    );
  }
  if (zplanes.length > 1) {
    selectors.push(
      selector('Z-plane', 'zplane', zplanes, initial.zplane, (zplane) => {
        change({ zplane });
      }),
    );
  }
  return selectors.length === 0 ? null : element('section', {}, ...selectors);
}
