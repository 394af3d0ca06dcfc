import { useEffect, useEffectEvent } from 'react';

/** What a key does; by `KeyboardEvent.key`. */
export type Keys = Readonly<Record<string, (() => void) | undefined>>;

/** Where letters are typed, or something on top of the page has the keys. */
const BUSY = 'input, textarea, select, [contenteditable], [role=dialog], [role=menu], [role=listbox]';
/** What Enter and Space work on by themselves. */
const PRESSED = 'button, a, summary, [role=button], [role=link]';

/** The page's keys: letters by themselves, and Ctrl/Cmd+F. */
export function useKeys(keys: Keys, onFind: () => void): void {
  const press = useEffectEvent((event: KeyboardEvent) => {
    const target = event.target instanceof Element ? event.target : undefined;
    const held = event.ctrlKey || event.metaKey;
    if (held && !event.altKey && !event.shiftKey && event.key.toLowerCase() === 'f') {
      if (target?.closest('[role=dialog]')) return;
      event.preventDefault();
      onFind();
      return;
    }
    if (held || event.altKey || event.defaultPrevented || target?.closest(BUSY)) return;
    if ((event.key === 'Enter' || event.key === ' ') && target?.closest(PRESSED)) return;
    const act = keys[event.key];
    if (act === undefined) return;
    event.preventDefault();
    act();
  });
  useEffect(() => {
    const listen = (event: KeyboardEvent) => press(event);
    document.addEventListener('keydown', listen);
    return () => document.removeEventListener('keydown', listen);
  }, []);
}
