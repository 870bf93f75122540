/** The part of the panel in which time point and z-plane are chosen and played, where there are several. */

import type { Plane } from '../pixels/channels';
import { element } from '../page/dom';

/** The shortest time that a plane is on show while it is played. */
const SHOWN_MILLISECONDS = 300;

interface Choice {
  readonly label: string;
  readonly testId: string;
  readonly values: readonly number[];
  readonly initial: number;
  readonly choose: (value: number) => void;
}

/** Goes through the values, from the last to the first one again, each shown until it is complete. */
function player(
  { label, testId }: Choice,
  next: () => void,
  whenShown: () => Promise<void>,
): HTMLElement {
  const button = element('button', { class: 'small', 'data-testid': `${testId}-play` });
  let isPlaying = false;
  const show = () => {
    const action = `${isPlaying ? 'Stop' : 'Play'} (${label.toLowerCase()})`;
    button.textContent = isPlaying ? '■' : '▶';
    button.title = action;
    button.setAttribute('aria-label', action);
  };
  let isRunning = false;
  const play = async () => {
    if (isRunning) return;
    isRunning = true;
    while (isPlaying && button.isConnected) {
      next();
      const pause = new Promise((resolve) => setTimeout(resolve, SHOWN_MILLISECONDS));
      await Promise.all([pause, whenShown()]);
    }
    isRunning = false;
  };
  button.addEventListener('click', () => {
    isPlaying = !isPlaying;
    show();
    void play();
  });
  show();
  return button;
}

function selector(choice: Choice, whenShown: () => Promise<void>): HTMLElement {
  const { label, testId, values, initial, choose } = choice;
  const current = element('output', {}, String(initial));
  const slider = element('input', {
    type: 'range',
    min: '0',
    max: String(values.length - 1),
    value: String(values.indexOf(initial)),
    'aria-label': label,
    'data-testid': testId,
  });
  const show = () => {
    const value = values[slider.valueAsNumber];
    if (value === undefined) return;
    current.textContent = String(value);
    slider.setAttribute('aria-valuetext', String(value));
    choose(value);
  };
  slider.addEventListener('input', show);
  const play = player(
    choice,
    () => {
      slider.value = String((slider.valueAsNumber + 1) % values.length);
      show();
    },
    whenShown,
  );
  return element('div', { class: 'row plane' }, element('label', { class: 'row grow' }, label, slider, current), play);
}

/** Null when there is nothing to choose; `whenShown` waits until a plane that was chosen is drawn. */
export function planePanel(
  tpoints: readonly number[],
  zplanes: readonly number[],
  initial: Plane,
  choose: (plane: Plane) => void,
  whenShown: () => Promise<void>,
): HTMLElement | null {
  let plane = initial;
  const change = (part: Partial<Plane>) => {
    plane = { ...plane, ...part };
    choose(plane);
  };
  const choices: Choice[] = [
    {
      label: 'Time point',
      testId: 'tpoint',
      values: tpoints,
      initial: initial.tpoint,
      choose: (tpoint) => {
        change({ tpoint });
      },
    },
    {
      label: 'Z-plane',
      testId: 'zplane',
      values: zplanes,
      initial: initial.zplane,
      choose: (zplane) => {
        change({ zplane });
      },
    },
  ];
  const several = choices.filter(({ values }) => values.length > 1);
  if (several.length === 0) return null;
  return element('section', {}, ...several.map((choice) => selector(choice, whenShown)));
}
