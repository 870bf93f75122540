/** Elements that stay the same while what they show changes, so that none is lost under a click. */

export interface Part<T> {
  readonly element: HTMLElement;
  update(item: T): void;
}

export class Keyed<T> {
  private readonly parts = new Map<string, Part<T>>();

  /** Fills `parent` with what `make` makes for each key. */
  constructor(
    private readonly parent: HTMLElement,
    private readonly make: (key: string) => Part<T>,
  ) {}

  /** Shows items in their order; those that are no longer there go. */
  show(items: readonly (readonly [string, T])[]): void {
    const keys = new Set(items.map(([key]) => key));
    for (const [key, part] of this.parts) {
      if (keys.has(key)) continue;
      part.element.remove();
      this.parts.delete(key);
    }
    items.forEach(([key, item], index) => {
      const part = this.parts.get(key) ?? this.make(key);
      this.parts.set(key, part);
      part.update(item);
      const there = this.parent.children[index] ?? null;
      if (there !== part.element) this.parent.insertBefore(part.element, there);
    });
  }
}
