/** An answer that comes when it is told to. */
export function later<T>(): { readonly promise: Promise<T>; readonly come: (value: T) => void } {
  let come: (value: T) => void = () => undefined;
  const promise = new Promise<T>((resolve) => {
    come = resolve;
  });
  return { promise, come };
}
