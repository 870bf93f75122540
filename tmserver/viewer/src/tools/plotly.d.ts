/** The part of Plotly that the viewer uses. */
declare module 'plotly.js-cartesian-dist-min' {
  export interface DrawnShape {
    readonly type: 'rect' | 'path';
    readonly x0?: number;
    readonly x1?: number;
    readonly y0?: number;
    readonly y1?: number;
    readonly path?: string;
  }

  /** An element that a figure was drawn into. */
  export interface PlotElement extends HTMLElement {
    readonly layout: { readonly shapes?: readonly DrawnShape[] };
    on(event: 'plotly_relayout', listener: () => void): void;
  }

  export interface PlotlyModule {
    newPlot(
      place: HTMLElement,
      data: readonly object[],
      layout: object,
      config: object,
    ): Promise<PlotElement>;
    relayout(place: HTMLElement, change: object): Promise<unknown>;
    purge(place: HTMLElement): void;
  }

  const library: PlotlyModule;
  export default library;
}
