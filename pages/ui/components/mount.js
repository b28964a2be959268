// How Streamlit calls a component's script: at each run of the page, with the news for an element. A view is made once an element.

/**
 * @template {{ update: (data: any, trigger: (name: string, value: any) => void) => void, end: () => void }} View
 * @param {(parent: any) => View} make
 */
export function mounted(make) {
  const views = new WeakMap();
  return (/** @type {any} */ { data, parentElement, setTriggerValue }) => {
    if (!data) return;
    if (!views.has(parentElement)) views.set(parentElement, make(parentElement));
    views.get(parentElement).update(data, setTriggerValue);
    return () => {
      views.get(parentElement)?.end();
      views.delete(parentElement);
    };
  };
}
