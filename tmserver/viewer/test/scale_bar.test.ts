import { expect, it } from 'vitest';
import { sliderEnd } from '../src/contrast_slider';
import { roundLength } from '../src/scale_bar';

it('draws the scale bar as long as a round number allows', () => {
  expect([0.3, 1, 4.9, 5, 19, 140, 999, 1000].map(roundLength)).toEqual([
    1, 1, 2, 5, 10, 100, 500, 1000,
  ]);
});

it('lets the contrast slider go beyond the window, but not beyond the image', () => {
  expect(sliderEnd({ min: 0, max: 3000 }, 65_535)).toBe(6000);
  expect(sliderEnd({ min: 0, max: 200 }, 255)).toBe(255);
});
